"""The gallery grays out what is masked and nothing else, in any channel count and shape."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.visual.masks import MaskColumn, gray_out, mask_gallery
from maskwright.visual.palette import MASKED_GRAY

GRID = Grid(2, 3, 4)
FLAGS = torch.tensor([[1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0]], dtype=torch.bool)


def draw_pictures(channels: int = 3) -> torch.Tensor:
    return torch.randint(
        0,
        256,
        (2, channels, *GRID.image_size),
        generator=torch.Generator().manual_seed(0),
        dtype=torch.uint8,
    )


def test_masked_patches_are_gray_and_visible_ones_untouched() -> None:
    picture = draw_pictures()[0]
    shown = gray_out(picture, FLAGS[0], GRID)
    hidden = np.kron(FLAGS[0].reshape(2, 3).numpy(), np.ones((4, 4))).astype(bool)
    assert np.allclose(shown[hidden], MASKED_GRAY)
    assert np.allclose(shown[~hidden] * 255, picture.permute(1, 2, 0).numpy()[~hidden])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_gallery_has_a_row_per_picture_and_a_column_per_policy(channels) -> None:
    columns = [
        MaskColumn("random", FLAGS, share_masked=np.full((2, 3), 0.7), numbers={"distance": 1.25}),
        MaskColumn("block", PatchMask.from_is_masked(FLAGS)),
    ]
    figure = mask_gallery(draw_pictures(channels), columns, GRID)
    assert len(figure.axes) == 3 * 3
    texts = [text.get_text() for axes in figure.axes for text in (axes.title, *axes.texts)]
    assert {"random", "block", "distance 1.25"} <= set(texts)
    figure.savefig(io.BytesIO(), format="png", dpi=40)


def test_a_gallery_without_maps_has_pictures_only() -> None:
    assert len(mask_gallery(draw_pictures(), [MaskColumn("random", FLAGS)], GRID).axes) == 2 * 2


@pytest.mark.parametrize(
    ("images", "columns", "fragment"),
    [
        (draw_pictures().float(), [MaskColumn("random", FLAGS)], "uint8 pictures"),
        (draw_pictures()[:, :, :4], [MaskColumn("random", FLAGS)], "uint8 pictures"),
        (
            draw_pictures(),
            [MaskColumn("random", FLAGS[:1])],
            "column 'random' needs masks for 2 pictures",
        ),
        (draw_pictures(), [], "at least one column"),
    ],
)
def test_what_does_not_fit_together_is_refused(images, columns, fragment) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        mask_gallery(images, columns, GRID)
