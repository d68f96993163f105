"""Paint: hide patches of a picture by hand or by a policy, and see what a model fills in."""

from __future__ import annotations

from starlette.routing import Route

from maskwright.studio.context import Studio


def routes(studio: Studio) -> list[Route]:
    """The routes of the room."""
    return []
