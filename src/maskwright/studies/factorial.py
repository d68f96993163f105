"""Whose effect is it: main effects and interactions of a full factorial plan, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np

from maskwright.studies.statistics import Difference, Values, judge
from maskwright.support.errors import MaskwrightError

Cells = Mapping[str, Mapping[str, Any]]
"""What each arm is made of: arm -> factor -> level."""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of arms: the effect of one setting, or the interaction of two.

    name: `factor=level`, or two of them with an x between.
    weights: arm -> weight; those of a contrast sum to zero.
    """

    name: str
    weights: Mapping[str, float]


def measure_effects(
    values: Values, cells: Cells, larger_is_better: bool = True, is_claim: bool = True
) -> dict[str, Difference]:
    """Judge every main effect and two-way interaction, with Holm's correction over all of them.

    A main effect is the mean of the arms at a level minus the mean at the factor's first level. An
    interaction is the difference that one change makes to the effect of the other. Only seeds of
    which every arm is finished count, so all effects use the same trials.
    """
    # A contrast needs a number of every arm, so a seed that one arm lacks is left out.
    seeds = set.intersection(*(set(values.get(arm, {})) for arm in cells))
    if not seeds:
        raise MaskwrightError(
            "No seed has finished in every arm of the factorial plan, so its effects cannot be"
            " separated."
        )
    # Each contrast becomes one number per seed, so the effects are tested as paired differences.
    effects: dict[str, dict[int, float]] = {}
    for contrast in contrasts(cells):
        by_seed = effects[contrast.name] = {}
        for seed in seeds:
            weighted = (weight * values[arm][seed] for arm, weight in contrast.weights.items())
            by_seed[seed] = sum(weighted)
    return judge(effects, larger_is_better, is_claim)


def contrasts(cells: Cells) -> list[Contrast]:
    """The contrasts of a full factorial plan, main effects first.

    Raises MaskwrightError when a combination of levels has no arm, or more than one.
    """
    levels = _levels(cells)
    _check_full(cells, levels)
    steps = {factor: _steps(cells, factor, levels[factor]) for factor in levels}
    mains = [step for factor in levels for step in steps[factor]]
    # Every change of one factor with every change of each later one.
    interactions = [
        _cross(first, second)
        for first_factor, second_factor in combinations(levels, 2)
        for first, second in product(steps[first_factor], steps[second_factor])
    ]
    return [*mains, *interactions]


def is_whole(cells: Cells, design: Cells) -> bool:
    """Whether the arms that are left of a design still have every combination of their levels.

    Of every factor of the design at least two levels must be left, or its effect is not known.
    """
    levels = _levels(cells)
    counts = [len(known) for known in levels.values()]
    return levels.keys() == _levels(design).keys() and math.prod(counts) == len(cells)


def has_several_factors(cells: Cells) -> bool:
    """Whether more than one factor varies; the effects of one are plain differences of arms."""
    return len(_levels(cells)) > 1


def _levels(cells: Cells) -> dict[str, list[Any]]:
    """Each factor's levels in the order of their first appearance.

    The first is what the others are compared with. Factors of a single level have no effect.
    """
    levels: dict[str, list[Any]] = {}
    for cell in cells.values():
        for factor, level in cell.items():
            known = levels.setdefault(factor, [])
            if level not in known:
                known.append(level)
    return {factor: known for factor, known in levels.items() if len(known) > 1}


def _steps(cells: Cells, factor: str, levels: list[Any]) -> list[Contrast]:
    """For each level but the first: the mean of its arms minus the mean of the first level's."""
    low = [arm for arm, cell in cells.items() if cell[factor] == levels[0]]
    steps = []
    for level in levels[1:]:
        high = [arm for arm, cell in cells.items() if cell[factor] == level]
        weights = {**dict.fromkeys(high, 1 / len(high)), **dict.fromkeys(low, -1 / len(low))}
        steps.append(Contrast(f"{factor}={level}", weights))
    return steps


def _cross(first: Contrast, second: Contrast) -> Contrast:
    """The interaction of two steps: the difference that one makes to the effect of the other."""
    # High-high and low-low count for it, high-low and low-high against it.
    signs = {
        arm: float(np.sign(first.weights[arm] * second.weights[arm]))
        for arm in first.weights
        if arm in second.weights
    }
    # Other factors give each of the four corners several arms, which are averaged.
    corner = len(signs) / 4
    return Contrast(
        f"{first.name} x {second.name}", {arm: sign / corner for arm, sign in signs.items()}
    )


def _check_full(cells: Cells, levels: Mapping[str, list[Any]]) -> None:
    """Refuse a plan in which a combination of levels is missing, or there twice."""
    # As text, because levels may be lists or mappings, which no set can hold.
    combos = []
    for cell in cells.values():
        combos.append(tuple(str(cell.get(factor)) for factor in levels))
    expected = {tuple(map(str, combo)) for combo in product(*levels.values())}
    is_full = len(combos) == len(set(combos)) and set(combos) == expected
    if not levels or not is_full:
        raise MaskwrightError(
            "Main effects need a full factorial plan, one arm for each combination of"
            f" {', '.join(levels) or 'levels'}: {len(expected)} combinations, {len(combos)} arms."
        )
