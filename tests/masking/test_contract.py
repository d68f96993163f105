"""check_policy passes every policy of the catalog and catches each way a policy can be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from maskwright.masking.block import BlockPolicy
from maskwright.masking.catalog import POLICIES, build_policy, policy_examples
from maskwright.masking.contract import GRIDS, check_policy, policy_checks
from maskwright.masking.contract.cases import suited_cases
from maskwright.masking.given import GivenPolicy
from maskwright.masking.policy import Policy, Scene, Traits
from maskwright.patches.grid import Grid
from maskwright.patches.mask import put, split, take
from maskwright.support.errors import MaskwrightError
from tests.masking.breach import find_breach

# Policies that cannot be written in a line: their masks or weights come from files. Each has a test
# of its own that runs check_policy.
FROM_FILES = {"given", "learned"}
LINES = [line for name in POLICIES if name not in FROM_FILES for line in policy_examples(name)]


def build_example(line: str) -> Policy:
    """The policy of a line, or a failure that says what a new policy still needs."""
    try:
        return build_policy(line)
    except MaskwrightError as error:
        pytest.fail(
            f"'{line}' stands in the catalog and cannot be built: {error} Give its Entry in"
            " masking/catalog.py examples=('NAME(option=value)',) that can, or, if it needs files,"
            " add its name to FROM_FILES here and run check_policy in its own test."
        )


@pytest.mark.parametrize("line", LINES)
def test_every_policy_keeps_the_contract_on_small_grids(line: str) -> None:
    assert find_breach(build_example(line), grids=GRIDS[:3], draws=8_000) is None


@pytest.mark.parametrize("line", LINES)
def test_every_policy_keeps_the_contract_on_large_grids(line: str) -> None:
    assert find_breach(build_example(line), grids=GRIDS[3:], draws=2_500) is None


@pytest.mark.parametrize("line", LINES)
def test_every_policy_keeps_the_contract_at_every_count(line: str) -> None:
    """Odd sides, one row, one column: each number of masked patches from 1 to all but one."""
    grids = [Grid(5, 7, 2), Grid(1, 7, 2), Grid(5, 1, 2)]
    every = {masked / grid.num_patches for grid in grids for masked in range(1, grid.num_patches)}
    policy = build_example(line)
    assert find_breach(policy, grids=grids, ratios=sorted(every), draws=2_500) is None


@pytest.mark.parametrize("line", LINES)
def test_scores_rounded_to_half_the_bits_keep_the_counts(line: str) -> None:
    """Rounding makes ties, and chance decides them: never is a patch masked in place of one that
    scores more.
    """
    grid, masked = Grid(7, 9, 2), 47
    (case,) = suited_cases(build_example(line), grid, [masked / grid.num_patches], draws=32)
    scene = case.scene(torch.arange(32))
    rounded = case.policy.score(scene).to(torch.bfloat16)
    mask = split(rounded, grid.num_patches - masked, rng=scene.rng.fork("split"))
    assert mask.num_masked == masked
    assert torch.equal(
        torch.cat([mask.visible_ids, mask.masked_ids], 1).sort(1).values,
        torch.arange(63).expand(32, -1),
    )
    assert (
        rounded.gather(1, mask.masked_ids).amin(1) >= rounded.gather(1, mask.visible_ids).amax(1)
    ).all()


@pytest.mark.parametrize("line", LINES)
def test_tokens_taken_by_a_mask_go_back_where_they_were(line: str) -> None:
    grid = Grid(7, 9, 2)
    (case,) = suited_cases(build_example(line), grid, [47 / 63], draws=8)
    mask = case.mask(torch.arange(8))
    tokens = torch.arange(8 * 63.0).reshape(8, 63, 1)
    half = put(torch.full_like(tokens, torch.nan), mask.visible_ids, take(tokens, mask.visible_ids))
    assert torch.equal(put(half, mask.masked_ids, take(tokens, mask.masked_ids)), tokens)
    for ids in (mask.visible_ids, mask.masked_ids):
        assert (ids.diff(dim=1) > 0).all()


def test_given_masks_keep_the_contract() -> None:
    masks = torch.rand(5, 63, generator=torch.Generator().manual_seed(0)) < 0.5
    assert find_breach(GivenPolicy(masks=masks), grids=[Grid(7, 9)]) is None


def test_the_whole_catalog_is_checked() -> None:
    unseen = {
        name
        for name, entry in POLICIES.items()
        if name not in FROM_FILES and name != "mixture"  # a mixture is written as a sum
        if not any(name in line for line in policy_examples(name))
    }
    assert not unseen, (
        f"The examples of {sorted(unseen)} in masking/catalog.py do not contain the policy; give"
        " examples that do, or none for the bare name."
    )
    assert set(POLICIES) >= FROM_FILES, f"FROM_FILES names what is gone: {FROM_FILES}."


# What a package beside this one does: each check is a test with a name.
BLOCK_CHECKS = list(policy_checks(build_policy("block"), grids=[Grid(7, 9, 2)], ratios=[0.75]))


@pytest.mark.parametrize("check", BLOCK_CHECKS, ids=str)
def test_every_check_is_a_test_of_its_own(check) -> None:
    check()


def test_checks_have_names_of_their_own() -> None:
    checks = policy_checks(build_policy("block"), grids=[Grid(7, 9, 2), Grid(8, 8, 2)])
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    assert {"counts-7x9-48", "seed-7x9", "nesting-8x8", "cells-8x8", "uniform-7x9"} <= set(names)


def test_only_the_broken_promise_fails() -> None:
    broken = []
    for check in policy_checks(Broken("global_rng"), grids=[Grid(7, 9)], ratios=[0.75]):
        try:
            check()
        except AssertionError:
            broken.append(check.name)
    assert "global_rng-7x9" in broken
    assert not any(name.startswith(("scores", "counts")) for name in broken)


def test_a_policy_that_suits_no_grid_is_reported() -> None:
    with pytest.raises(MaskwrightError, match="accepts none"):
        check_policy(BlockPolicy(size=9), grids=[Grid(8, 8)])


@dataclass(frozen=True)
class Broken:
    """The ways to be wrong, each with its own score."""

    kind: str

    @property
    def traits(self) -> Traits:
        return Traits(cell=2) if self.kind == "raster_runs" else Traits()

    def score(self, scene: Scene) -> Tensor:
        return getattr(self, f"_{self.kind}")(scene, scene.batch_size, scene.grid)

    def _raster_runs(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        """Runs of four ids in reading order stand in for 2x2 blocks."""
        return scene.rng.uniform(-(-grid.num_patches // 4)).repeat_interleave(4, 1)[
            :, : grid.num_patches
        ]

    def _never_last(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        """A position drawn below rows - height, so that the last row is left out."""
        top = scene.rng.integers(0, grid.rows - 2, 1)
        rows = torch.arange(grid.num_patches) // grid.cols
        return ((rows >= top) & (rows < top + 2)).float()

    def _slightly_biased(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        """The first column is masked a few percent more often."""
        return scene.rng.uniform(grid.num_patches) + 0.05 * (
            torch.arange(grid.num_patches) % grid.cols == 0
        )

    def _follows_batch(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        """One offset for the whole batch."""
        noise = scene.rng.uniform(grid.num_patches)
        return noise + noise.mean(0) * 3

    def _global_rng(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        return torch.rand(batch, grid.num_patches)

    def _seeds_globally(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        """Repeatable, and yet it moves the generator of everybody else."""
        torch.manual_seed(0)
        return torch.rand(1, grid.num_patches).expand(batch, -1)

    def _nan(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        return torch.full((batch, grid.num_patches), torch.nan)

    def _infinite(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        return torch.full((batch, grid.num_patches), torch.inf)

    def _whole_numbers(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        return torch.zeros(batch, grid.num_patches, dtype=torch.int64)

    def _wrong_shape(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        return torch.zeros(batch, grid.num_patches + 1)

    def _not_nested(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        return scene.rng.fork(str(scene.num_masked)).uniform(grid.num_patches)

    def _same_every_epoch(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        """The sample names the mask and the epoch does not."""
        assert scene.sample_ids is not None
        order = (
            torch.sin(
                (scene.sample_ids[:, None] + 1) * (torch.arange(grid.num_patches) + 1) * 12.9898
            )
            * 43758.5453
        )
        return order - order.floor()

    def _autocast(self, scene: Scene, batch: int, grid: Grid) -> Tensor:
        return scene.rng.uniform(grid.num_patches) @ torch.eye(grid.num_patches)


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("raster_runs", "cells of 2x2 patches are masked in part"),
        ("never_last", "is masked in"),
        ("slightly_biased", "is masked in"),
        ("follows_batch", "a sample's mask changed"),
        ("global_rng", "global random generator"),
        ("seeds_globally", "global random generator"),
        ("nan", "NaN or"),
        ("infinite", "NaN or"),
        ("whole_numbers", "floating-point"),
        ("wrong_shape", "must have shape"),
        ("not_nested", "masking more patches"),
        ("same_every_epoch", "masks of two epochs"),
        ("autocast", "autocast"),
    ],
)
def test_a_broken_policy_is_caught(kind: str, complaint: str) -> None:
    grid = Grid(14, 14) if kind in ("autocast", "raster_runs") else Grid(7, 9)
    with pytest.raises(AssertionError, match=complaint):
        check_policy(Broken(kind), grids=[grid], ratios=[0.5, 0.75])


def test_a_small_cell_fixed_at_the_border_would_be_caught() -> None:
    @dataclass(frozen=True)
    class FixedCells:
        traits: ClassVar[Traits] = Traits()

        def score(self, scene: Scene) -> Tensor:
            ids = torch.arange(scene.grid.num_patches)
            cells = ids // scene.grid.cols // 2 * 5 + ids % scene.grid.cols // 2
            return scene.rng.uniform(20)[:, cells]

    with pytest.raises(AssertionError, match="is masked in"):
        check_policy(FixedCells(), grids=[Grid(7, 9)], ratios=[0.75])


def test_checking_leaves_the_global_generators_as_they_were() -> None:
    before = torch.get_rng_state()
    check_policy(build_policy("random"), grids=[Grid(4, 4)], draws=100)
    assert torch.equal(before, torch.get_rng_state())
