"""The rooms of the studio in their order; a new room is a file here, a page module and a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.routing import Route

from maskwright.studio.context import Studio
from maskwright.studio.rooms import neighbors, paint, policies, runs, studies, vote


@dataclass(frozen=True)
class Room:
    """One room.

    name: of its page module `page/rooms/NAME.js` and of its address `#/NAME`.
    title: in the navigation.
    routes: gives its routes, below `/api/NAME`.
    """

    name: str
    title: str
    routes: Callable[[Studio], Sequence[Route]]


ROOMS: tuple[Room, ...] = (
    Room("paint", "Paint", paint.routes),
    Room("policies", "Policies", policies.routes),
    Room("runs", "Runs", runs.routes),
    Room("studies", "Studies", studies.routes),
    Room("neighbors", "Neighbors", neighbors.routes),
    Room("vote", "Vote", vote.routes),
)
