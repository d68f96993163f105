"""Statistics of hidden patches are those with which patches fit their neighbors, and come from what
is visible and predicted alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from maskwright.patches.fitted_stats import STRENGTH, fit_stats
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import PatchStats, patch_stats, patchify
from maskwright.patches.prediction import Prediction
from maskwright.targets.normalized import NormalizedTarget

SIDE = 4


def draw_stepless(grid: Grid, images: int = 2) -> Tensor:
    """(B, 3, H, W) noise whose pixels repeat where patches meet, so that no border has a step."""
    rng = np.random.default_rng(0)
    rows = stepless_places(grid.rows)
    cols = stepless_places(grid.cols)
    noise = rng.normal(0, 1, (images, 3, rows.max() + 1, cols.max() + 1))
    # A slope, so that patches differ in their means.
    noise += 0.5 * np.arange(cols.max() + 1)
    return torch.from_numpy(noise[:, :, rows][..., cols])


def stepless_places(patches: int) -> np.ndarray:
    """The last place of a patch is the first of the next."""
    return (np.arange(patches)[:, None] * (SIDE - 1) + np.arange(SIDE)).ravel()


def hole_in(grid: Grid, rows: slice, cols: slice, images: int = 2) -> Tensor:
    is_hidden = torch.zeros(images, grid.rows, grid.cols, dtype=torch.bool)
    is_hidden[:, rows, cols] = True
    return is_hidden.flatten(1)


def some_guess(true: PatchStats, is_free: Tensor) -> PatchStats:
    """What is known, and one for all that is not."""
    hidden = is_free[..., None]
    return PatchStats(true.mean.masked_fill(hidden, 0.0), true.std.masked_fill(hidden, 1.0))


def test_patches_of_a_picture_without_steps_come_back() -> None:
    grid = Grid(6, 7, SIDE)
    patches = patchify(draw_stepless(grid), SIDE)
    true = patch_stats(patches)
    is_hidden = hole_in(grid, slice(1, 5), slice(2, 7))
    guess = some_guess(true, is_hidden)
    found = fit_stats(true.normalize(patches), guess, is_hidden, torch.ones_like(is_hidden), grid)
    # Not exactly, because the guess counts a little.
    assert (found.mean - true.mean).norm() < 0.05 * (guess.mean - true.mean).norm()
    assert (found.std - true.std).norm() < 0.2 * (guess.std - true.std).norm()
    assert torch.equal(found.mean[~is_hidden], true.mean[~is_hidden])
    assert torch.equal(found.std[~is_hidden], true.std[~is_hidden])


@pytest.mark.parametrize("hole", [(slice(2, 12), slice(2, 12)), (slice(0, 14), slice(3, 14))])
def test_it_is_the_least_squares_solution(hole: tuple[slice, slice]) -> None:
    """The same as a dense solver in float64 finds, for holes of half a picture and more."""
    grid = Grid(14, 14, 2)
    rng = torch.Generator().manual_seed(0)
    values = torch.randn(1, 196, 12, generator=rng, dtype=torch.float64)
    guess = PatchStats(
        torch.randn(1, 196, 1, generator=rng, dtype=torch.float64),
        1 + torch.rand(1, 196, 1, generator=rng, dtype=torch.float64),
    )
    is_free = hole_in(grid, *hole, images=1)
    # Some patches were not predicted.
    is_seen = torch.ones_like(is_free)
    is_seen[0, 5 * 14 + 6 : 5 * 14 + 8] = is_free[0, 5 * 14 + 6 : 5 * 14 + 8] = False
    std, mean = solve_densely(values[0], guess, is_free[0], is_seen[0], grid)
    for kind, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        found = fit_stats(
            values.to(dtype),
            PatchStats(guess.mean.to(dtype), guess.std.to(dtype)),
            is_free,
            is_seen,
            grid,
        )
        assert (found.mean[0, :, 0] - mean).abs().max() < 1e-3, kind
        assert (found.std[0, :, 0] - std.clamp_min(1e-3)).abs().max() < 1e-3, kind


def solve_densely(
    values: Tensor, guess: PatchStats, is_free: Tensor, is_seen: Tensor, grid: Grid
) -> tuple[Tensor, Tensor]:
    """(N,) deviations and means, from one equation a border pixel."""
    count, side = grid.num_patches, grid.patch_size
    pixels = values.reshape(count, side, side, -1)
    rows: list[Tensor] = []
    for first in range(count):
        down, right = first + grid.cols, first + 1
        neighbors = [(down, pixels[first, -1], lambda other: other[0])] if down < count else []
        if right % grid.cols:
            neighbors.append((right, pixels[first, :, -1], lambda other: other[:, 0]))
        for second, edge, facing in neighbors:
            if not (is_seen[first] and is_seen[second]):
                continue
            mine, others = edge.flatten(), facing(pixels[second]).flatten()
            for a, b in zip(mine, others, strict=True):
                row = torch.zeros(count, 2, dtype=torch.float64)
                row[first] += torch.stack([a, a.new_ones(())])
                row[second] -= torch.stack([b, b.new_ones(())])
                rows.append(row / len(mine) ** 0.5)
    system = torch.stack(rows).flatten(1)
    start = torch.cat([guess.std[0], guess.mean[0]], 1)  # (N, 2)
    free = is_free[:, None].expand(-1, 2).flatten()
    pulled = torch.tensor(STRENGTH, dtype=torch.float64).expand(count, 2).flatten()[free]
    part = system[:, free]
    moved = torch.linalg.solve(
        part.T @ part + torch.diag(pulled), -part.T @ (system @ start.flatten())
    )
    found = start.flatten().clone()
    found[free] += moved
    return found.reshape(count, 2)[:, 0], found.reshape(count, 2)[:, 1]


def predict_well(patches: Tensor, mask: PatchMask, grid: Grid) -> Prediction:
    """A model that knows every hidden patch but for its brightness and contrast."""
    stats = patch_stats(patches)
    rows = torch.arange(len(patches))[:, None]
    values = stats.normalize(patches)[rows, mask.predicted_ids]
    return Prediction(
        values=values,
        mask=mask,
        patches=patches,
        grid=grid,
        target=NormalizedTarget(),
        latent=torch.zeros(len(patches), 1, 1),
    )


def test_pictures_are_put_back_without_a_look_at_what_is_hidden() -> None:
    grid = Grid(6, 6, SIDE)
    patches = patchify(draw_stepless(grid), SIDE).float()
    is_hidden = hole_in(grid, slice(1, 4), slice(2, 5))
    mask = PatchMask.from_is_masked(is_hidden)
    good = predict_well(patches, mask, grid)
    shown = patchify(good.to_picture("visible").composite, SIDE)
    assert torch.equal(shown[~is_hidden], patches[~is_hidden])
    off = (shown - patches)[is_hidden].square().mean().sqrt()
    assert off < 0.05, "the model knows all but brightness and contrast, which borders tell"

    # The same prediction over a picture of which the hidden part is another.
    changed = torch.where(is_hidden[..., None], 100 * torch.rand_like(patches), patches)
    blind = replace(good, patches=changed)
    again = patchify(blind.to_picture("visible").composite, SIDE)
    assert torch.equal(again, shown)


def test_hidden_patches_that_are_not_predicted_say_nothing() -> None:
    grid = Grid(6, 6, SIDE)
    patches = patchify(draw_stepless(grid), SIDE).float()
    whole = PatchMask.from_is_masked(hole_in(grid, slice(1, 5), slice(2, 5)))
    mask = PatchMask(whole.visible_ids, whole.masked_ids, whole.masked_ids[:, ::2])
    good = predict_well(patches, mask, grid)
    shown = good.to_picture("visible").composite
    rows = torch.arange(2)[:, None]
    changed = patches.clone()
    changed[rows, whole.masked_ids[:, 1::2]] = 7.0
    blind = replace(good, patches=changed)
    again = patchify(blind.to_picture("visible").composite, SIDE)
    assert torch.equal(
        again[rows, mask.predicted_ids], patchify(shown, SIDE)[rows, mask.predicted_ids]
    )


def test_one_row_and_one_column_have_borders_on_one_axis_alone() -> None:
    for grid in (Grid(1, 5, SIDE), Grid(5, 1, SIDE)):
        patches = patchify(draw_stepless(grid), SIDE)
        true = patch_stats(patches)
        is_hidden = torch.tensor([[False, True, True, False, True]]).expand(2, -1)
        found = fit_stats(
            true.normalize(patches),
            some_guess(true, is_hidden),
            is_hidden,
            torch.ones_like(is_hidden),
            grid,
        )
        assert (found.mean - true.mean).abs().max() < 0.5
