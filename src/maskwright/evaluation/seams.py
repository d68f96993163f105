"""Whether patch borders show in filled-in pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError


def seam_strength(pictures: Tensor, is_hidden: Tensor, grid: Grid) -> float:
    """The mean step between neighboring pixels across patch borders over that inside patches.

    pictures: (B, C, H, W).
    is_hidden: (B, 1, H, W) booleans; only pairs with both pixels hidden count, so that visible
        pixels decide nothing.

    About 1 where borders are places like any other, as in pictures themselves; NaN where no two
    hidden patches touch or nothing changes inside them. Raises MaskwrightError for patches of one
    pixel, which have no inside.
    """
    if grid.patch_size < 2:
        raise MaskwrightError("Patches of one pixel have no inside to compare their borders with.")
    across = inside = 0.0
    across_pairs = inside_pairs = 0
    for axis in (-1, -2):
        # Steps (B, H, W) or one less along the axis, from each pixel to the next.
        steps = pictures.float().diff(dim=axis).abs().mean(1)
        count = is_hidden.shape[axis] - 1
        here = is_hidden.narrow(axis, 0, count)
        following = is_hidden.narrow(axis, 1, count)
        both_hidden = (here & following)[:, 0]  # (B, H, W) or one less
        on_border = _border_steps(steps, axis, grid.patch_size)
        steps_across = steps[both_hidden & on_border]
        steps_inside = steps[both_hidden & ~on_border]
        across += float(steps_across.sum())
        inside += float(steps_inside.sum())
        across_pairs += len(steps_across)
        inside_pairs += len(steps_inside)
    if not across_pairs or not inside:
        return float("nan")
    mean_across = across / across_pairs
    mean_inside = inside / inside_pairs
    return mean_across / mean_inside


def _border_steps(steps: Tensor, axis: int, patch_size: int) -> Tensor:
    """Booleans like `steps`: True where a step leads from one patch into the next."""
    is_border = torch.zeros(steps.shape[axis], dtype=torch.bool, device=steps.device)
    is_border[patch_size - 1 :: patch_size] = True
    # (W - 1,) along the last axis, (H - 1, 1) along the one before
    shaped = is_border if axis == -1 else is_border[:, None]
    return shaped.expand_as(steps)
