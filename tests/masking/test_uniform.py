"""The grid policy keeps the same number in each cell."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from maskwright.masking.uniform import GridPolicy, RandomPolicy
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError


@pytest.mark.parametrize("phase", ["cell", "global"])
@pytest.mark.parametrize(("cell", "num_masked"), [(2, 48), (4, 60)])
def test_each_cell_keeps_exactly_one_patch_at_its_own_ratio(draw, phase, cell, num_masked) -> None:
    visible = ~draw(GridPolicy(phase=phase, cell=cell), Grid(8, 8), num_masked)
    per_cell = F.avg_pool2d(visible.float(), cell) * cell**2
    assert torch.equal(per_cell, torch.ones_like(per_cell))


def test_a_global_phase_is_the_same_in_every_cell(draw) -> None:
    masks = draw(GridPolicy(phase="global"), Grid(8, 6), 36)
    assert torch.equal(masks, masks[:, :2, :2].repeat(1, 4, 3))


def test_a_cell_phase_differs_between_cells(draw) -> None:
    masks = draw(GridPolicy(phase="cell"), Grid(8, 8), 48)
    assert not torch.equal(masks, masks[:, :2, :2].repeat(1, 4, 4))


def test_at_half_the_ratio_two_patches_of_each_cell_stay(draw) -> None:
    visible = ~draw(GridPolicy(), Grid(6, 6), 18)
    assert torch.equal(F.avg_pool2d(visible.float(), 2), torch.full((64, 3, 3), 0.5))


def test_random_masks_of_two_epochs_overlap_by_the_ratio(draw) -> None:
    """Workers that are seeded alike would repeat every epoch's masks."""
    first, second = (
        draw(RandomPolicy(), Grid(8, 8), 48, draws=500, epoch=epoch) for epoch in (0, 1)
    )
    assert float((first & second).float().mean() / first.float().mean()) == pytest.approx(
        0.75, abs=0.01
    )


@pytest.mark.parametrize("options", [{"phase": "row"}, {"cell": 1}, {"cell": 2.5}, {"cell": True}])
def test_a_senseless_setting_is_refused(options) -> None:
    with pytest.raises(MaskwrightError, match="Policy 'grid' needs"):
        GridPolicy(**options)
