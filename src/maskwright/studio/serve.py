"""The command `maskwright studio`: bind the port, say the address, serve until Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import socket
import webbrowser
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette

from maskwright.studio.app import build_app
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.studio_settings import LOOPBACK, StudioSettings


@takes(StudioSettings, "models")
def serve_studio(settings: StudioSettings, reporter: Reporter | None = None) -> None:
    """Serve the studio until it is interrupted.

    Raises MaskwrightError when the port is taken, and for data or models that are not there.
    """
    reporter = reporter or usual_reporter()
    _show_faults()
    app = build_app(settings)
    bound = bind(settings.host, settings.port)
    address = address_of(settings, bound)
    if settings.host not in LOOPBACK:
        reporter.warn(
            f"everybody who reaches {settings.host} and knows the token can see these pictures and"
            " use this machine; the connection is not encrypted"
        )
    reporter.say(f"The studio is at {address}   (Ctrl-C ends it)")
    if settings.open:
        webbrowser.open(address)
    # Ctrl-C is the way to end it, no accident.
    with suppress(KeyboardInterrupt):
        serve_on(app, bound)
    reporter.say("The studio is closed.")


def serve_on(app: Starlette, bound: socket.socket) -> None:
    """Serve an application on a socket until Ctrl-C."""
    # Without uvicorn's own lines of each request, which would hold tokens.
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[bound]))


def bind(host: str, port: int) -> socket.socket:
    """Listen on a port before anything is said, so that the printed address is true."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    # A port that was just given up may be taken again at once.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise MaskwrightError(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another --port; 0 takes"
            " a free one."
        ) from error
    return bound


def _show_faults() -> None:
    """Let the tracebacks of faults reach the terminal, where whoever started it can read them."""
    log = logging.getLogger("maskwright.studio")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)


def address_of(settings: StudioSettings, bound: socket.socket) -> str:
    """What to type into a browser."""
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    # No browser opens the address that stands for all.
    if settings.host in ("0.0.0.0", "::"):
        name = socket.gethostname()
    way_in = "" if settings.token is None else f"?token={settings.token}"
    return f"http://{name}:{bound.getsockname()[1]}/{way_in}"
