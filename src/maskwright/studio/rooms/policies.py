"""Policies: all of them on one picture at one ratio, their geometry, and schedules."""

from __future__ import annotations

from starlette.routing import Route

from maskwright.studio.context import Studio


def routes(studio: Studio) -> list[Route]:
    """The routes of the room."""
    return []
