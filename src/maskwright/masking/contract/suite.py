"""The checks of a policy by name, and one call that runs them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from maskwright.masking.contract.cases import GRIDS, RATIOS, Case, suited_cases
from maskwright.masking.contract.chance import (
    check_autocast,
    check_batch_mates,
    check_epochs,
    check_global_rng,
    check_seed,
)
from maskwright.masking.contract.counts import (
    check_cells,
    check_counts,
    check_nesting,
    check_scores,
)
from maskwright.masking.contract.uniformity import check_uniform
from maskwright.masking.policy import Policy
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.named_check import NamedCheck

# What is asked at every count of masked patches, and what at one count of each grid.
_EVERY_COUNT = {"scores": check_scores, "counts": check_counts}
_ONE_COUNT = {
    "global_rng": check_global_rng,
    "seed": check_seed,
    "epochs": check_epochs,
    "batch_mates": check_batch_mates,
    "autocast": check_autocast,
}
_USUAL_RATIO = 0.75


def policy_checks(
    policy: Policy,
    grids: Sequence[Grid] = GRIDS,
    ratios: Sequence[float] = RATIOS,
    draws: int = 20_000,
) -> Iterator[NamedCheck]:
    """Yield the checks of a policy, each with a name of its own.

    At every grid and ratio that the policy accepts: `scores` are finite (B, N) numbers; `counts`
    are exact, and visible and masked patches are each patch once. On each grid: `global_rng` is not
    used or changed; the same `seed` gives the same mask; other `epochs` give other masks; the mask
    of a sample depends on no `batch_mates` and not on `autocast`. Where `Traits` promise it:
    `nesting`, a higher ratio only masks more; `cells`, square cells are masked whole; `uniform`,
    every position is masked equally often.

    Images, maps and attention that the policy needs are made of chance, and a policy with a state
    is built anew.

    draws: images on which `uniform` counts.

    Raises MaskwrightError when no grid suits the policy.
    """
    by_grid = [suited_cases(policy, grid, ratios, draws) for grid in grids]
    if not any(by_grid):
        raise MaskwrightError(
            f"{policy} accepts none of the grids and ratios; pass grids=[...] and ratios=[...] that"
            " suit it."
        )
    for cases in filter(None, by_grid):
        yield from _checks_on_grid(cases, draws)


def check_policy(
    policy: Policy,
    grids: Sequence[Grid] = GRIDS,
    ratios: Sequence[float] = RATIOS,
    draws: int = 20_000,
) -> None:
    """Raise AssertionError, in a sentence, at the first promise that a policy breaks.

    The promises are those of `policy_checks`. Raises MaskwrightError when no grid suits it.
    """
    for check in policy_checks(policy, grids, ratios, draws):
        check()


def _checks_on_grid(cases: Sequence[Case], draws: int) -> Iterator[NamedCheck]:
    """The checks of a policy on one grid, from the cheapest to the dearest."""
    for case in cases:
        for name, check in _EVERY_COUNT.items():
            yield NamedCheck(f"{name}-{case.size}-{case.num_masked}", partial(check, case))

    # what does not depend on the count is asked at the one that is nearest to the usual ratio
    middle = min(cases, key=_distance_from_usual)
    for name, check in _ONE_COUNT.items():
        yield NamedCheck(f"{name}-{middle.size}", partial(check, middle))

    # and these hold only where the policy promises them
    traits = middle.policy.traits
    if traits.nested:
        yield NamedCheck(f"nesting-{middle.size}", partial(check_nesting, cases))
    if traits.cell is not None:
        yield NamedCheck(f"cells-{middle.size}", partial(check_cells, middle, traits.cell))
    if traits.uniform:
        yield NamedCheck(f"uniform-{middle.size}", partial(check_uniform, middle, draws))


def _distance_from_usual(case: Case) -> float:
    return abs(case.num_masked / case.grid.num_patches - _USUAL_RATIO)
