"""The two dials that fit every policy: a share left to chance, and several masks of one picture
that share out what is visible.
"""

from __future__ import annotations

import torch

from maskwright.masking.catalog import build_policy
from maskwright.masking.policy import Scene, mask_scene
from maskwright.patches.grid import Grid
from maskwright.support.seeding import sample_rng

GRID = Grid(8, 8)
LEFT_FIRST = (torch.arange(64) % 8).flip(0).reshape(8, 8)


def left_first(share: float, draws: int = 400) -> torch.Tensor:
    """How often each column is masked when a policy wants the left ones first and chooses a share
    of 32 patches.
    """
    policy = build_policy(f"given(mix={share})", {"given": lambda call: _given()})
    scene = Scene(grid=GRID, num_masked=32, rng=sample_rng(0, 0, torch.arange(draws)))
    return mask_scene(policy, scene).is_masked.float().mean(0).reshape(8, 8).mean(0)


def _given() -> object:
    from maskwright.masking.given import GivenPolicy

    return GivenPolicy(masks=LEFT_FIRST.float())


def test_at_one_the_policy_chooses_all_and_at_zero_nothing() -> None:
    assert left_first(1.0).tolist() == [1.0] * 4 + [0.0] * 4
    assert torch.allclose(left_first(0.0), torch.full((8,), 0.5), atol=0.05)


def test_between_the_policy_chooses_its_share_exactly() -> None:
    columns = left_first(0.5)
    assert columns[:2].tolist() == [1.0, 1.0]
    assert torch.allclose(columns[2:], torch.full((6,), 1 / 3), atol=0.05)


def test_four_masks_of_a_picture_show_every_patch_once() -> None:
    ids = torch.arange(6).repeat_interleave(4)
    scene = Scene(
        grid=GRID,
        num_masked=48,
        rng=sample_rng(0, 0, torch.arange(24)),
        mask_ids=torch.arange(4).repeat(6),
        picture_rng=sample_rng(0, 0, ids),
    )
    visible = ~mask_scene(build_policy("turns(random)"), scene).is_masked
    assert visible.view(6, 4, 64).sum(1).eq(1).all()
    assert not torch.equal(visible[0], visible[4])
