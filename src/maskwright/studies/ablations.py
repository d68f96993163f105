"""Ablations: several small factorial designs around one base arm, which belongs to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maskwright.studies.factorial import Cells
from maskwright.studies.factors import cross_factors
from maskwright.studies.plan_values import read_mapping
from maskwright.studies.record import Arm
from maskwright.support.errors import MaskwrightError

BASE_ARM = "base"
"""The arm with the first level of every factor."""


def cross_ablations(ablations: Any, base: Mapping[str, Any]) -> list[Arm]:
    """The base arm, and for each group of factors every other combination of their levels.

    All factors outside a group stay at their first level. A factor is written as for
    `cross_factors`. An arm's levels name the factors of its own group alone; the base arm has those
    of all.

    Raises MaskwrightError for what is no list of mappings, and for a factor that is named twice.
    """
    if not isinstance(ablations, Sequence) or isinstance(ablations, str) or not ablations:
        raise MaskwrightError(
            "`ablations` in a study plan is a list of groups of factors, such as"
            f" [{{ratio: [0.75, 0.65]}}, {{decoder_depth: [8, 1]}}]; got {ablations!r}."
        )
    groups = [read_mapping("ablations", group) for group in ablations]
    names = [str(name) for group in groups for name in group]
    if len(set(names)) != len(names):
        raise MaskwrightError(
            f"A factor stands in one group of `ablations` only; got {', '.join(names)}."
        )
    crossed = [cross_factors(group, base) for group in groups]
    # The first combination of each group is what the others leave as it is.
    firsts = [arms[0] for arms in crossed]
    arms = [Arm(name=BASE_ARM, settings=_join(firsts), levels=_join_levels(firsts))]
    for at, group_arms in enumerate(crossed):
        others = [*firsts[:at], *firsts[at + 1 :]]
        for arm in group_arms[1:]:
            arms.append(Arm(name=arm.name, settings=_join([*others, arm]), levels=arm.levels))
    return arms


def split_designs(cells: Cells) -> list[dict[str, Mapping[str, Any]]]:
    """The full factorial designs that arms belong to, each with the levels of its own factors.

    A plan of `factors` has one design; one of `ablations` has as many as groups.
    """
    keys = list(dict.fromkeys(frozenset(levels) for levels in cells.values() if levels))
    designs: list[dict[str, Mapping[str, Any]]] = []
    for group in keys:
        # The base arm has the factors of all groups, so its own set of names holds others.
        if any(other < group for other in keys):
            continue
        inside = {arm: levels for arm, levels in cells.items() if group <= set(levels)}
        designs.append({arm: _only(levels, group) for arm, levels in inside.items()})
    return designs


def _only(levels: Mapping[str, Any], group: frozenset[str]) -> dict[str, Any]:
    """The levels of the factors of one group."""
    return {factor: level for factor, level in levels.items() if factor in group}


def _join(arms: Sequence[Arm]) -> dict[str, Any]:
    """The settings of arms of different groups; raises MaskwrightError where two set the same."""
    joined: dict[str, Any] = {}
    for arm in arms:
        for name, value in arm.settings.items():
            if joined.setdefault(name, value) != value:
                raise MaskwrightError(
                    f"Two groups of `ablations` set '{name}'; put their factors into one group."
                )
    return joined


def _join_levels(arms: Sequence[Arm]) -> dict[str, Any]:
    return {factor: level for arm in arms for factor, level in arm.levels.items()}
