"""Masks are read as people paint them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import draw_pictures

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.building.painted import read_painted

HOLE = np.zeros((32, 32), bool)
HOLE[4:20, 10:27] = True


def layer(color: tuple[int, int, int], alpha: np.ndarray) -> np.ndarray:
    """A layer of one color behind an alpha channel."""
    return np.dstack([np.full((*HOLE.shape, 3), color, np.uint8), alpha.astype(np.uint8) * 255])


def picture() -> np.ndarray:
    return draw_pictures(1, side=32)[0]


PAINTED = {
    "white on black": lambda: HOLE.astype(np.uint8) * 255,
    "white on black in colors": lambda: np.dstack([HOLE.astype(np.uint8) * 255] * 3),
    "white on black and opaque": lambda: np.dstack(
        [*[HOLE.astype(np.uint8) * 255] * 3, np.full(HOLE.shape, 255, np.uint8)]
    ),
    "white strokes on a transparent layer": lambda: layer((255, 255, 255), HOLE),
    "black strokes on a transparent layer": lambda: layer((0, 0, 0), HOLE),
    "red strokes on a transparent layer": lambda: layer((220, 20, 20), HOLE),
    "a picture with the hole erased": lambda: np.dstack(
        [picture(), (~HOLE).astype(np.uint8) * 255]
    ),
    "a picture erased to black": lambda: np.dstack(
        [picture() * ~HOLE[..., None], (~HOLE).astype(np.uint8) * 255]
    ),
}


@pytest.mark.parametrize("how", PAINTED)
def test_the_hole_is_found_however_it_was_painted(tmp_path: Path, how: str) -> None:
    Image.fromarray(PAINTED[how]()).save(tmp_path / "mask.png")
    assert np.array_equal(read_painted(tmp_path / "mask.png"), HOLE)


def test_a_picture_given_for_a_mask_is_refused(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "house.png")
    with pytest.raises(MaskwrightError, match=r"house.png' is a picture in colors, no mask: paint"):
        read_painted(tmp_path / "house.png")
