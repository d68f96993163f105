"""Pixels go into patches and come back unchanged; statistics and scales undo themselves."""

from __future__ import annotations

import pytest
import torch

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import (
    PixelScale,
    normalize_patches,
    patch_stats,
    patchify,
    unpatchify,
)
from maskwright.support.errors import MaskwrightError


@pytest.mark.parametrize("channels", [1, 3, 4, 12])
def test_patches_of_any_channels_put_back_are_the_image(channels) -> None:
    images = torch.randn(2, channels, 6, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(unpatchify(patchify(images, 3), Grid(2, 4, 3)), images)


def test_a_patch_lists_row_then_column_then_channel() -> None:
    images = torch.arange(2 * 4 * 6).reshape(1, 2, 4, 6)
    patches = patchify(images, 2)
    for row in range(2):
        for col in range(3):
            wanted = [
                int(images[0, channel, 2 * row + i, 2 * col + j])
                for i in range(2)
                for j in range(2)
                for channel in range(2)
            ]
            assert patches[0, row * 3 + col].tolist() == wanted


def test_patches_that_do_not_fill_the_grid_are_refused() -> None:
    with pytest.raises(MaskwrightError, match="do not fill"):
        unpatchify(torch.zeros(1, 5, 4), Grid(2, 2, 2))


def test_statistics_are_unbiased_with_a_floor_inside_the_root() -> None:
    patches = torch.tensor([[[1.0, 2.0, 3.0, 6.0], [5.0, 5.0, 5.0, 5.0]]])
    stats = patch_stats(patches)
    assert stats.mean.flatten().tolist() == [3.0, 5.0]
    assert stats.std.flatten().tolist() == pytest.approx([(14 / 3 + 1e-6) ** 0.5, 1e-3])


def test_restoring_normalized_patches_gives_them_back() -> None:
    """Normalizing is undone by the same mean and deviation, its epsilon included."""
    patches = torch.rand(2, 5, 12, generator=torch.Generator().manual_seed(0))
    stats = patch_stats(patches)
    torch.testing.assert_close(stats.restore(stats.normalize(patches)), patches)


def test_bytes_and_shares_scale_to_the_same_numbers_and_back() -> None:
    scale = PixelScale(mean=(0.5, 0.4), std=(0.2, 0.3))
    stored = torch.randint(
        0, 256, (1, 2, 3, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    torch.testing.assert_close(scale.to_model(stored), scale.to_model(stored.float() / 255))
    torch.testing.assert_close(
        scale.to_display(scale.to_model(stored)) * 255, stored.float(), atol=1e-3, rtol=0
    )


def test_display_clips_to_the_legal_range() -> None:
    shown = PixelScale(mean=(0.5,), std=(1.0,)).to_display(torch.tensor([[[[-3.0, 3.0]]]]))
    assert shown.flatten().tolist() == [0.0, 1.0]


def test_patches_normalized_in_one_pass_are_those_of_the_official_statistics():
    patches = torch.rand(2, 5, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    patches[0, 0] = 0.3
    assert torch.allclose(
        normalize_patches(patches), patch_stats(patches).normalize(patches), atol=1e-12
    )
    assert torch.allclose(
        normalize_patches(patches)[0, 0], torch.zeros(12, dtype=torch.float64), atol=1e-9
    )


def test_targets_stay_in_float32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        assert normalize_patches(torch.rand(1, 2, 12)).dtype == torch.float32
