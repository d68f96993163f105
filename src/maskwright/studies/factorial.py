"""Whose effect is it: main effects and interactions of the settings of a full factorial plan, seed
by seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    """A weighted sum of arms: what a change of one setting does on average, or how much two changes
    depend on each other.
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
    seeds = set.intersection(*(set(values.get(arm, {})) for arm in cells))
    if not seeds:
        raise MaskwrightError(
            "No seed has finished in every arm of the factorial plan, so its effects cannot be told"
            " apart."
        )
    return judge(
        {
            contrast.name: {
                seed: sum(weight * values[arm][seed] for arm, weight in contrast.weights.items())
                for seed in seeds
            }
            for contrast in contrasts(cells)
        },
        larger_is_better,
        is_claim,
    )


def contrasts(cells: Cells) -> list[Contrast]:
    """The contrasts of a full factorial plan. Raises MaskwrightError when a combination of levels
    has no arm, or more than one.
    """
    levels = _levels(cells)
    _check_full(cells, levels)
    mains = [
        Contrast(name, weights)
        for factor in levels
        for name, weights in _steps(cells, factor, levels[factor])
    ]
    return [
        *mains,
        *(
            _cross(first, second)
            for one, two in combinations(levels, 2)
            for first, second in _pairs(cells, levels, one, two)
        ),
    ]


def _levels(cells: Cells) -> dict[str, list[Any]]:
    """Each factor's levels in the order in which they first appear; the first is what the others
    are compared with.
    """
    found: dict[str, list[Any]] = {}
    for cell in cells.values():
        for factor, level in cell.items():
            known = found.setdefault(factor, [])
            if level not in known:
                known.append(level)
    return {factor: known for factor, known in found.items() if len(known) > 1}


def _steps(cells: Cells, factor: str, levels: list[Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """For each level but the first: the mean of its arms minus the mean of the first level's."""
    for level in levels[1:]:
        high = [arm for arm, cell in cells.items() if cell[factor] == level]
        low = [arm for arm, cell in cells.items() if cell[factor] == levels[0]]
        yield (
            f"{factor}={level}",
            {**dict.fromkeys(high, 1 / len(high)), **dict.fromkeys(low, -1 / len(low))},
        )


def _pairs(
    cells: Cells, levels: Mapping[str, list[Any]], one: str, two: str
) -> Iterator[tuple[Contrast, Contrast]]:
    for first, second in product(_steps(cells, one, levels[one]), _steps(cells, two, levels[two])):
        yield Contrast(*first), Contrast(*second)


def _cross(first: Contrast, second: Contrast) -> Contrast:
    """The interaction of two steps: on the arms that both weigh, signs multiplied, each corner
    averaged.
    """
    signs = {
        arm: float(np.sign(first.weights[arm] * second.weights[arm]))
        for arm in first.weights
        if arm in second.weights
    }
    corner = len(signs) / 4
    return Contrast(
        f"{first.name} x {second.name}", {arm: sign / corner for arm, sign in signs.items()}
    )


def _check_full(cells: Cells, levels: Mapping[str, list[Any]]) -> None:
    combos = [tuple(str(cell.get(factor)) for factor in levels) for cell in cells.values()]
    wanted = {tuple(map(str, combo)) for combo in product(*levels.values())}
    if not levels or len(combos) != len(set(combos)) or set(combos) != wanted:
        raise MaskwrightError(
            "Main effects need a full factorial plan, one arm for each combination of"
            f" {', '.join(levels) or 'levels'}: {len(wanted)} combinations, {len(combos)} arms."
        )
