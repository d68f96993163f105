"""The gallery grays out what is masked and nothing else, in any channel count and shape."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.visual.masks import LEGEND, MaskColumn, gray_out, mask_gallery
from maskwright.visual.page import Page
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
def test_a_gallery_shows_each_picture_whole_and_under_each_policy(channels, monkeypatch) -> None:
    placed, words = [], []
    monkeypatch.setattr(Page, "set_tiles", lambda page, tiles: placed.append(tiles))
    monkeypatch.setattr(Page, "set_words", lambda page, texts, *style: words.append(texts))
    monkeypatch.setattr(Page, "finish", lambda page: None)
    shares = np.array([[0.1, 0.75, 0.75], [0.75, 0.75, 1.4]])
    columns = [
        MaskColumn("random", FLAGS, share_masked=shares, numbers={"distance": 1.25, "edge": 0.5}),
        MaskColumn("block", PatchMask.from_is_masked(~FLAGS)),
    ]
    pictures = draw_pictures(channels)
    mask_gallery(pictures, columns, GRID)

    assert words == [["picture", "random", "block"], [LEGEND, "distance 1.25\nedge 0.50", ""]]
    *rows, maps = placed
    assert len(rows) == len(pictures)
    for picture, is_masked, tiles in zip(pictures, FLAGS, rows, strict=True):
        # Tiles are enlarged by a whole factor, so every factor-th pixel is the picture's own.
        factor = tiles[0].shape[0] // GRID.image_size[0]
        whole, first, second = (tile[::factor, ::factor] for tile in tiles)
        colors = picture[:3].expand(3, -1, -1) if channels == 1 else picture[:3]
        assert np.array_equal(whole, colors.permute(1, 2, 0).numpy())
        hidden = np.kron(is_masked.reshape(2, 3).numpy(), np.ones((4, 4))).astype(bool)
        assert np.array_equal(first[~hidden], whole[~hidden])
        assert np.array_equal(second[hidden], whole[hidden])
        assert len(np.unique(first[hidden], axis=0)) == 1

    legend, colored, none = maps
    assert none is None
    assert len(np.unique(legend[-1], axis=0)) > 20
    # Below the ratio (their mean) blue, above red, at it nearly white; the middle of each patch.
    step = colored.shape[0] // 2
    centers = colored[step // 2 :: step, step // 2 :: step].astype(int)
    assert centers[0, 0, 2] > centers[0, 0, 0] + 40
    assert centers[1, 2, 0] > centers[1, 2, 2] + 40
    assert centers[0, 1].min() > 240


def test_a_gallery_without_maps_and_numbers_has_pictures_only() -> None:
    sheet = mask_gallery(draw_pictures(), [MaskColumn("random", FLAGS)], GRID)
    with_maps = mask_gallery(
        draw_pictures(), [MaskColumn("random", FLAGS, np.full((2, 3), 0.7))], GRID
    )
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert with_maps.shape[0] > sheet.shape[0] + 80
    assert with_maps.shape[1] == sheet.shape[1]


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
