"""Requests and answers of the rooms: plain values become JSON, mistakes become sentences."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from maskwright.studio.worker import Busy, Outdated
from maskwright.support.errors import MaskwrightError

log = logging.getLogger("maskwright.studio")

# What a room writes: takes a request, gives plain values or a response of its own.
Answer = Callable[[Request], Awaitable[Any]]

FAILED = "The studio failed at this. Its log, where it was started, has the details."


def get(path: str, answer: Answer) -> Route:
    """A route that only looks."""
    return Route(path, _wrap(answer), methods=["GET"])


def post(path: str, answer: Answer) -> Route:
    """A route that computes or changes something; other pages cannot reach it."""
    return Route(path, _wrap(answer), methods=["POST"])


async def read_json(request: Request) -> dict[str, Any]:
    """The body of a request as a mapping; raises MaskwrightError for anything else."""
    try:
        body = await request.json()
    except (ValueError, RecursionError) as error:
        raise MaskwrightError("The request is not JSON.") from error
    if not isinstance(body, dict):
        raise MaskwrightError("The request is not a JSON object.")
    return body


def field(body: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    """One value of a request; raises MaskwrightError when it is missing or of another kind."""
    value = body.get(name)
    # True is a number to Python and none to anybody else.
    is_wrong_bool = isinstance(value, bool) and kind is not bool
    if not isinstance(value, kind) or is_wrong_bool:
        raise MaskwrightError(f"The request needs '{name}'; got {value!r:.60}.")
    return value


def sentence(text: str, status: int) -> JSONResponse:
    """A mistake, said to the person at the page."""
    return JSONResponse({"error": text}, status)


def finite(value: Any) -> Any:
    """The same plain values with null where JSON has no number for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return finite(vars(value))
    if isinstance(value, Mapping):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def _wrap(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            found = await answer(request)
        except Outdated:
            # The page has asked for something newer and does not wait for this.
            return JSONResponse({"outdated": True}, 409)
        except Busy as error:
            return sentence(str(error), 503)
        except MaskwrightError as error:
            return sentence(str(error), 400)
        except (HTTPException, ClientDisconnect):
            raise
        except Exception:
            # The person gets a sentence; whoever started the studio gets the traceback.
            log.exception("%s %s failed", request.method, request.url.path)
            return sentence(FAILED, 500)
        return found if isinstance(found, Response) else JSONResponse(finite(found))

    return respond
