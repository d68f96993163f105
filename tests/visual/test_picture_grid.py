"""Grids of pictures: tiles where they belong, captions inside their columns, lines of about equal
length.
"""

from __future__ import annotations

import numpy as np
import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.visual.page import GAP, MARGIN
from maskwright.visual.picture_grid import GridLine, Note, columns_that_fit, picture_grid


def tile(value: int) -> np.ndarray:
    return np.full((60, 100, 3), value, np.uint8)


def test_every_tile_stands_in_its_column_and_empty_places_stay_white() -> None:
    sheet = picture_grid([GridLine([tile(10), None, tile(30)], ["a", "", "c"])])
    middle = sheet[MARGIN + 30]
    assert (middle[MARGIN] == 10).all()
    assert (middle[MARGIN + 110 : MARGIN + 210] == 255).all()
    assert (middle[MARGIN + 2 * (100 + GAP)] == 30).all()


def test_a_long_policy_stays_inside_its_column() -> None:
    line = "guided(hide='background',source='prior',temperature=0.5,hint=0.25)"
    wide = np.zeros((128, 128, 3), np.uint8)
    sheet = picture_grid([GridLine([wide, wide], ["", ""], [line, ""])])
    gap = sheet[: sheet.shape[0] // 2, MARGIN + 129 : MARGIN + 128 + GAP]
    assert (gap == 255).all()


def test_a_note_makes_the_sheet_longer() -> None:
    bare, noted = (
        picture_grid([GridLine([tile(0)] * 3, [])], notes)
        for notes in ((), [Note("seed 0"), Note("oracle", True)])
    )
    assert noted.shape[0] > bare.shape[0]


@pytest.mark.parametrize(
    ("width", "count", "expected"),
    [(128, 4, 4), (192, 8, 4), (192, 6, 6), (2000, 3, 1), (128, 23, 8)],
)
def test_lines_are_about_equally_long(width: int, count: int, expected: int) -> None:
    assert columns_that_fit(width, count) == expected


def test_an_empty_grid_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="at least one line"):
        picture_grid([])
