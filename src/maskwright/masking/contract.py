"""check_policy: what every masking policy has to keep, checked in seconds and open to policies from
anywhere.
"""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.masking.learner import PolicyContext, initialize_policy
from maskwright.masking.policy import Policy, Scene, check_fits, mask_scene
from maskwright.masking.synthetic_maps import CHANNELS, LinearScorer, synthetic_maps
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, visible_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng

GRIDS = (Grid(8, 8, 2), Grid(7, 9, 2), Grid(1, 12, 2), Grid(5, 16, 2), Grid(14, 14, 2))
RATIOS = (0.1, 0.25, 0.4, 0.5, 0.6, 0.65, 0.75, 0.8, 0.9)
CHUNK = 2500
FALSE_ALARM = (
    1e-3  # chance that a sound policy fails the count of one grid, all places of that grid together
)


@dataclass(frozen=True)
class _Trial:
    """A policy on one grid with one count, as the checks below use it."""

    policy: Policy
    grid: Grid
    num_masked: int

    def __str__(self) -> str:
        return (
            f"{self.policy} on a {self.grid.rows}x{self.grid.cols} grid with {self.num_masked}"
            " masked"
        )

    def scene(self, sample_ids: Tensor, seed: int = 0, epoch: int = 0) -> Scene:
        """A scene whose images, maps and chance depend on (seed, epoch, sample id) alone."""
        maps, count = sample_rng(0, 0, sample_ids, "maps"), self.grid.num_patches
        needs = self.policy.traits
        return Scene(
            grid=self.grid,
            num_masked=self.num_masked,
            rng=sample_rng(seed, epoch, sample_ids),
            progress=0.5,
            training=True,
            sample_ids=sample_ids,
            images=(
                maps.fork("images").normal(CHANNELS, *self.grid.image_size)
                if "images" in needs.needs
                else None
            ),
            priors={
                name: share
                for need in needs.needed("prior")
                for name, share in synthetic_maps(need, maps.fork(need), count).items()
            },
            views=torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0]).expand(len(sample_ids), -1),
            attention=lambda source: maps.fork(source).uniform(count),
            keys=(
                [f"row {index}" for index in sample_ids.tolist()] if "keys" in needs.needs else None
            ),
        )

    def mask(self, sample_ids: Tensor, seed: int = 0, epoch: int = 0) -> PatchMask:
        return mask_scene(self.policy, self.scene(sample_ids, seed, epoch))

    def flags(self, sample_ids: Tensor, seed: int = 0, epoch: int = 0) -> Tensor:
        return self.mask(sample_ids, seed, epoch).is_masked


def check_policy(
    policy: Policy,
    grids: Sequence[Grid] = GRIDS,
    ratios: Sequence[float] = RATIOS,
    draws: int = 20_000,
) -> None:
    """Raise AssertionError, in a sentence, when a policy breaks a promise that the rest of the
    package relies on.

    Checked at every grid and ratio that the policy accepts: (B, N) finite scores; exact counts and
    a true partition; no use or change of global random numbers. On each grid: the same seed gives
    the same mask, another epoch another one; a sample's mask does not depend on its batch, on
    autocast or on other samples; a higher ratio only masks more (`traits.nested`); square cells are
    masked whole (`traits.cell`); every position is masked equally often over `draws` images
    (`traits.uniform`). Images, maps and attention that the policy asks for (`traits.needs`) are
    made up by chance, a policy with a state is built with a new one. Raises MaskwrightError when no
    grid suits it.
    """
    suited = [_suited(policy, grid, ratios, draws) for grid in grids]
    if not any(suited):
        raise MaskwrightError(
            f"{policy} accepts none of the grids and ratios; pass grids=[...] and ratios=[...] that"
            " suit it."
        )
    for trials in filter(None, suited):
        for trial in trials:
            _check_scores(trial)
            _check_counts(trial)
        middle = min(trials, key=lambda one: abs(one.num_masked / one.grid.num_patches - 0.75))
        for check in (
            _check_global_rng,
            _check_seed,
            _check_epochs,
            _check_batch_mates,
            _check_autocast,
        ):
            check(middle)
        if policy.traits.nested:
            _check_nesting(trials)
        if policy.traits.cell is not None:
            _check_cells(middle, policy.traits.cell)
        if policy.traits.uniform:
            _check_uniform(middle, draws)


def _suited(policy: Policy, grid: Grid, ratios: Sequence[float], draws: int) -> list[_Trial]:
    """The counts of masked patches that the policy accepts on a grid, rising; a policy with a state
    is built for the grid.
    """
    counts = {grid.num_patches - visible_count(grid.num_patches, ratio) for ratio in ratios}
    fitting = [count for count in sorted(counts) if count > 0 and _accepts(policy, grid, count)]
    built = initialize_policy(
        policy,
        PolicyContext(
            grid=grid,
            num_pictures=max(draws, CHUNK),
            build_scorer=lambda width, depth: LinearScorer(grid),
        ),
    )
    return [_Trial(built, grid, count) for count in fitting]


def _accepts(policy: Policy, grid: Grid, num_masked: int) -> bool:
    try:
        check_fits(policy, grid, num_masked)
    except MaskwrightError:
        return False
    return True


def _check_scores(trial: _Trial) -> None:
    score = trial.policy.score(trial.scene(torch.arange(16)))
    wanted = (16, trial.grid.num_patches)
    assert tuple(score.shape) == wanted, (
        f"{trial}: scores must have shape {wanted}; got {tuple(score.shape)}."
    )
    assert score.is_floating_point(), (
        f"{trial}: scores must be floating-point numbers; got {score.dtype}."
    )
    assert score.amax() < torch.inf, f"{trial}: a score is NaN or +inf."


def _check_counts(trial: _Trial) -> None:
    mask = trial.mask(torch.arange(16))
    assert mask.num_masked == trial.num_masked, f"{trial}: {mask.num_masked} patches were masked."
    together = torch.cat([mask.visible_ids, mask.masked_ids], dim=1).sort(1).values
    everything = torch.arange(trial.grid.num_patches).expand_as(together)
    assert torch.equal(together, everything), (
        f"{trial}: visible and masked patches are not each patch once."
    )


def _check_nesting(trials: Sequence[_Trial]) -> None:
    flags = [trial.flags(torch.arange(64)) for trial in trials]
    for trial, fewer, more in zip(trials, flags, flags[1:], strict=False):
        freed = int((fewer & ~more).sum())
        assert not freed, (
            f"{trial}: masking more patches made {freed} masked ones visible; declare traits"
            " nested=False if that is meant."
        )


def _check_seed(trial: _Trial) -> None:
    ids = torch.arange(64)
    assert torch.equal(trial.flags(ids), trial.flags(ids)), (
        f"{trial}: the same seed gave two different masks."
    )


def _check_epochs(trial: _Trial) -> None:
    """Masks of two epochs agree no more than chance has them agree; left out where few masks are to
    choose from or maps decide.
    """
    if not trial.policy.traits.uniform or trial.policy.traits.needs:
        return
    first, second = trial.flags(torch.arange(CHUNK)), trial.flags(torch.arange(CHUNK), epoch=1)
    overlap = (first & second).sum(1).double() / trial.num_masked
    expected = trial.num_masked / trial.grid.num_patches
    error = float(overlap.std()) / math.sqrt(len(overlap))
    assert abs(float(overlap.mean()) - expected) <= 5 * error + 1e-9, (
        f"{trial}: masks of two epochs share {float(overlap.mean()):.3f} of their patches where"
        f" independent ones share {expected:.3f}."
    )


def _check_batch_mates(trial: _Trial) -> None:
    together = trial.flags(torch.arange(12))
    reordered = trial.flags(torch.arange(12).flip(0)).flip(0)
    alone = torch.cat([trial.flags(torch.tensor([sample])) for sample in range(12)])
    among_others = trial.flags(torch.cat([torch.arange(100, 105), torch.arange(12)]))[5:]
    for name, other in (
        ("in another order", reordered),
        ("alone", alone),
        ("in another batch", among_others),
    ):
        assert torch.equal(together, other), (
            f"{trial}: a sample's mask changed when it came {name}; it may depend on its own stream"
            " only."
        )


def _check_global_rng(trial: _Trial) -> None:
    """Under two fresh global seeds the masks are the same, and the global generators are left where
    they were.
    """
    (first, first_kept), (second, second_kept) = (
        _draw_with_global_seed(trial, seed) for seed in (987, 654)
    )
    assert all((first_kept, second_kept)), (
        f"{trial}: a global random generator was used; draw from scene.rng."
    )
    assert torch.equal(first, second), (
        f"{trial}: the mask follows a global seed; draw from scene.rng."
    )


def _check_autocast(trial: _Trial) -> None:
    ids = torch.arange(64)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = trial.flags(ids)
    assert torch.equal(reduced, trial.flags(ids)), (
        f"{trial}: the mask changed under bfloat16 autocast; compute scores in float32."
    )


def _check_cells(trial: _Trial, size: int) -> None:
    """For some start of the lattice, each image masks square cells whole but for one; sides it does
    not divide are rings.
    """
    grid = trial.grid
    flags = trial.flags(torch.arange(64)).reshape(-1, grid.rows, grid.cols).double()
    row_starts, col_starts = (
        range(size if side % size == 0 else side) for side in (grid.rows, grid.cols)
    )
    fewest = torch.full((64,), grid.num_patches)
    for row, col in product(row_starts, col_starts):
        share = F.avg_pool2d(
            flags.roll((row, col), (1, 2)), size, ceil_mode=True
        )  # of the part of a cell that lies on the grid
        fewest = torch.minimum(fewest, ((share > 1e-9) & (share < 1 - 1e-9)).sum((1, 2)))
    assert fewest.max() <= 1, (
        f"{trial}: {int(fewest.max())} cells of {size}x{size} patches are masked in part; at most"
        " one may be."
    )


def _check_uniform(trial: _Trial, draws: int) -> None:
    """Count how often every position, row, column and the border is masked, with a bound shared out
    over all of them (Bonferroni).
    """
    places = _count_regions(trial.grid)
    counts = torch.cat(
        [
            trial.flags(torch.arange(start, min(start + CHUNK, draws))).double() @ places
            for start in range(0, draws, CHUNK)
        ]
    )
    expected = places.sum(0) * trial.num_masked / trial.grid.num_patches
    error = counts.std(0) / math.sqrt(draws)
    bound = NormalDist().inv_cdf(1 - FALSE_ALARM / (2 * places.shape[1]))
    off = (counts.mean(0) - expected).abs() - bound * error - 1e-9
    worst = int(off.argmax())
    found = float(counts.mean(0)[worst] / places.sum(0)[worst])
    assert off[worst] <= 0, (
        f"{trial}: {_region_name(trial.grid, worst)} is masked in {found:.3f} of {draws} draws and"
        f" should be in {trial.num_masked / trial.grid.num_patches:.3f}; declare traits"
        " uniform=False if that is meant."
    )


def _count_regions(grid: Grid) -> Tensor:
    """(N, N + rows + cols + 1) indicators of each position, row, column and the border."""
    ids = torch.arange(grid.num_patches)
    row, col = ids // grid.cols, ids % grid.cols
    border = (row == 0) | (row == grid.rows - 1) | (col == 0) | (col == grid.cols - 1)
    every_row, every_col = (
        row[:, None] == torch.arange(grid.rows),
        col[:, None] == torch.arange(grid.cols),
    )
    return torch.cat(
        [torch.eye(grid.num_patches), every_row, every_col, border[:, None]], dim=1
    ).double()


def _region_name(grid: Grid, index: int) -> str:
    if index < grid.num_patches:
        return f"the patch in row {index // grid.cols}, column {index % grid.cols}"
    index -= grid.num_patches
    if index < grid.rows + grid.cols:
        return f"row {index}" if index < grid.rows else f"column {index - grid.rows}"
    return "the border"


def _global_states() -> tuple[bytes, bytes, str]:
    return (
        torch.get_rng_state().numpy().tobytes(),
        pickle.dumps(np.random.get_state()),
        str(random.getstate()),
    )


def _draw_with_global_seed(trial: _Trial, seed: int) -> tuple[Tensor, bool]:
    """Draw masks with every global generator seeded anew; returns them and whether the generators
    stayed put, and restores those.
    """
    kept_numpy, kept_python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        before = _global_states()
        try:
            return trial.flags(torch.arange(8)), _global_states() == before
        finally:
            np.random.set_state(kept_numpy)
            random.setstate(kept_python)
