"""The application: the page, what all rooms share, and the rooms behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from maskwright.studio.answers import get, sentence
from maskwright.studio.context import Studio
from maskwright.studio.guard import Guard
from maskwright.studio.picture_routes import picture_routes
from maskwright.studio.rooms.catalog import ROOMS
from maskwright.workflows.settings.studio_settings import StudioSettings

PAGE = Path(__file__).parent / "page"


def build_app(settings: StudioSettings) -> Starlette:
    """Build the studio; `app.state.studio` is its `Studio`.

    Raises MaskwrightError for data or models that are not there.
    """
    studio = Studio(settings)

    async def describe(request: Request) -> dict[str, Any]:
        rooms = [{"name": room.name, "title": room.title} for room in ROOMS]
        return {"rooms": rooms, **studio.describe()}

    async def index(request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    @asynccontextmanager
    async def close_at_the_end(app: Starlette) -> AsyncIterator[None]:
        # The first picture would otherwise wait for the model's file and for torch's first step.
        studio.warm_up()
        yield
        studio.close()

    rooms = [route for room in ROOMS for route in room.routes(studio)]
    app = Starlette(
        routes=[
            Route("/", index),
            get("/api/studio", describe),
            *picture_routes(studio),
            *rooms,
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        # Before every route, so that a new room cannot forget it.
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={HTTPException: _say},
        lifespan=close_at_the_end,
    )
    app.state.studio = studio
    return app


async def _say(request: Request, error: Exception) -> Response:
    """An error of HTTP as a sentence."""
    assert isinstance(error, HTTPException)
    words = {404: "There is nothing at this address.", 405: "This address takes no such request."}
    return sentence(words.get(error.status_code, error.detail), error.status_code)
