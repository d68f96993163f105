"""Ballots of plain colors, which need no model."""

from __future__ import annotations

import numpy as np

from maskwright.studies.voting.ballot import Ballot, BallotPicture, BallotSettings
from maskwright.visual.png import to_png_bytes


def color(value: int) -> bytes:
    return to_png_bytes(np.full((8, 8, 3), value, np.uint8))


def make_ballot(
    methods: tuple[str, ...] = ("arm-alpha", "arm-beta"), pictures: int = 4, **settings: object
) -> Ballot:
    """Method m fills picture p with the gray 10 p + m."""
    asked = BallotSettings(
        title="Which fill looks right?",
        runs={name: f"runs/{name}" for name in methods},
        pictures="photos",
        **settings,  # type: ignore[arg-type]
    )
    shown = tuple(
        BallotPicture(
            f"picture-{number}.png",
            color(200),
            color(100),
            tuple(color(10 * number + method) for method in range(len(methods))),
        )
        for number in range(pictures)
    )
    return Ballot(
        settings=asked,
        policy="random",
        ratio=0.75,
        seen=dict.fromkeys(methods, 0),
        pictures=shown,
    )
