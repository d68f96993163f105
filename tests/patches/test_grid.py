"""A grid divides an image or says which size would."""

from __future__ import annotations

import pytest

from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError


def test_an_image_that_divides_gives_its_grid() -> None:
    grid = Grid.of_image(48, 96, 16)
    assert (grid.rows, grid.cols, grid.num_patches, grid.image_size) == (3, 6, 18, (48, 96))


@pytest.mark.parametrize(
    ("size", "legal"), [((479, 998), "480x992"), ((5, 5), "16x16"), ((16, 17), "16x16")]
)
def test_an_image_that_does_not_divide_names_the_nearest_size(size, legal) -> None:
    with pytest.raises(MaskwrightError, match=f"use {legal}"):
        Grid.of_image(*size, 16)


def test_a_grid_without_patches_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="at least one"):
        Grid(0, 4)
