"""Statistics of hidden patches come from kept ones alone, whichever way those are given."""

from __future__ import annotations

import torch

from maskwright.patches.grid import Grid
from maskwright.patches.hidden_stats import interpolate_stats
from maskwright.patches.mask import take
from maskwright.patches.pixels import PatchStats, patch_stats

GRID = Grid(5, 7, 2)


def draw_stats() -> PatchStats:
    return patch_stats(torch.randn(3, 35, 12, generator=torch.Generator().manual_seed(0)))


def test_ids_and_shares_of_the_same_patches_give_the_same() -> None:
    stats = draw_stats()
    ids = torch.tensor([[0, 3, 20], [1, 2, 34], [7, 17, 27]])
    by_ids = interpolate_stats(PatchStats(take(stats.mean, ids), take(stats.std, ids)), ids, GRID)
    keep = torch.zeros(3, 35).scatter_(1, ids, 1.0)
    by_shares = interpolate_stats(stats, torch.arange(35)[None], GRID, keep)
    assert torch.allclose(by_ids.mean, by_shares.mean, atol=1e-6)
    assert torch.allclose(by_ids.std, by_shares.std, atol=1e-6)


def test_hidden_patches_have_no_say() -> None:
    stats = draw_stats()
    keep = (torch.arange(35) % 3 == 0).float().expand(3, -1)
    hidden = keep[:, :, None] == 0
    other = PatchStats(stats.mean.where(~hidden, 1e6), stats.std.where(~hidden, 1e6))
    ids = torch.arange(35)[None]
    first = interpolate_stats(stats, ids, GRID, keep)
    second = interpolate_stats(other, ids, GRID, keep)
    assert torch.equal(first.mean, second.mean)
    assert torch.equal(first.std, second.std)


def test_a_single_kept_patch_speaks_for_all() -> None:
    stats = draw_stats()
    ids = torch.full((3, 1), 34)
    known = PatchStats(take(stats.mean, ids), take(stats.std, ids))
    everywhere = interpolate_stats(known, ids, GRID)
    assert torch.allclose(everywhere.mean, known.mean.expand(-1, 35, -1))
