"""Who may ask what: the host's name, the origin, the token, and the size of what is sent."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskwright.studio.answers import sentence
from maskwright.workflows.settings.studio_settings import LOOPBACK, StudioSettings

COOKIE = "maskwright_studio"
UPLOADS = "/api/pictures"
# Of a request that is no picture: a mask and a few words are a thousandth of it.
MOST_JSON = 1_000_000

# Nothing comes from anywhere else, and nobody may put the page into a frame.
CONTENT_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Pictures of people's own data are not left in a browser's cache.
    "cache-control": "no-store",
}


class Guard:
    """Stands before every route, also before pages that are not there."""

    def __init__(self, app: ASGIApp, settings: StudioSettings) -> None:
        self._app = app
        self._settings = settings
        # The cookie is drawn anew at each start, so that it does not show the token.
        self._session = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        # No room has web sockets: what nobody guards is not there.
        if scope["type"] != "http":
            raise HTTPException(403)
        connection = HTTPConnection(scope)
        refusal = self._refuse(connection)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        counted = _counted(receive, self._most_bytes(scope["path"]))
        await self._app(scope, counted, _with_headers(send))

    def _refuse(self, asked: HTTPConnection) -> Response | None:
        """An answer in place of the room's, None where the request may pass."""
        if not self._is_own_name(asked.headers.get("host", "")):
            return sentence("The studio does not answer under this name.", 403)
        if _is_from_elsewhere(asked):
            return sentence("The studio takes requests from its own page alone.", 403)
        entry = self._check_token(asked)
        if entry is not None:
            return entry
        if _stated_size(asked.headers) > self._most_bytes(asked.url.path):
            return sentence(self._too_large(asked.url.path), 413)
        return None

    def _is_own_name(self, host: str) -> bool:
        """Whether a Host header is an address of this machine.

        A page elsewhere may let its own name point to 127.0.0.1 (DNS rebinding); the name in the
        header is still its own.
        """
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if self._settings.host in LOOPBACK:
            return name in LOOPBACK
        # A number is no name that could be pointed anywhere.
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in (*LOOPBACK, self._settings.host, socket.gethostname())
        return True

    def _check_token(self, asked: HTTPConnection) -> Response | None:
        """None where no token is needed or the right one came; a redirect that sets the cookie."""
        token = self._settings.token
        if token is None or _same(asked.cookies.get(COOKIE, ""), self._session):
            return None
        given = parse_qs(asked.url.query).get("token", [""])[0]
        if not _same(given, token):
            return PlainTextResponse(
                "This studio needs a token: open the address that it printed, which ends in"
                " ?token=...\n",
                401,
            )
        # Without the token, so that it stays in no history or link.
        rest = [
            (name, value) for name, value in asked.query_params.multi_items() if name != "token"
        ]
        query = f"?{urlencode(rest)}" if rest else ""
        answer = RedirectResponse(asked.url.path + query, 303)
        answer.set_cookie(COOKIE, self._session, httponly=True, samesite="strict")
        return answer

    def _most_bytes(self, path: str) -> int:
        return self._settings.upload_megabytes * 1_000_000 if path == UPLOADS else MOST_JSON

    def _too_large(self, path: str) -> str:
        most = self._most_bytes(path) // 1_000_000
        return f"This is too large: the studio takes at most {most} MB at once."


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that does not depend on how much is right."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def _is_from_elsewhere(asked: HTTPConnection) -> bool:
    """Whether a page of another origin asks."""
    origin = asked.headers.get("origin")
    if origin is not None and origin != f"{asked.url.scheme}://{asked.headers.get('host')}":
        return True
    is_read_only = asked.scope["method"] in ("GET", "HEAD")
    # Browsers always say the origin of a POST; what says none is not our page.
    if origin is None and not is_read_only:
        return True
    site = asked.headers.get("sec-fetch-site", "none")
    # A link from elsewhere may lead here, but nothing here may be a part of another page.
    is_link = asked.headers.get("sec-fetch-mode") == "navigate" and is_read_only
    return site in ("cross-site", "same-site") and not is_link


def _stated_size(headers: Mapping[str, str]) -> int:
    stated = headers.get("content-length", "0")
    return int(stated) if stated.isdecimal() else 0


def _counted(receive: Receive, most: int) -> Receive:
    """The same body, cut off where it becomes larger than allowed, whatever was stated."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(
                413, f"This is too large: the studio takes at most {most // 1_000_000} MB at once."
            )
        return message

    return counted


def _with_headers(send: Send) -> Send:
    """Add the headers of safety to an answer that does not have its own."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return with_headers
