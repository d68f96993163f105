"""The arms of a plan: listed, crossed from factors, or ablations around one base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from maskwright.studies.ablations import cross_ablations
from maskwright.studies.factors import cross_factors
from maskwright.studies.plan_values import read_mapping, read_text
from maskwright.studies.record import Arm
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.workflows.settings.recipes import flatten

OWNED = {"seed": "seeds", "out": "the study's folder"}
"""Settings of pretrain that no arm may set, with what decides them."""
SELECT = "select"
"""The section of a plan, or of an arm, with settings of `maskwright select`."""


def read_arms(values: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[Arm, ...]:
    """The arms of a plan's plain values; base: the settings that all of them share.

    Raises MaskwrightError for fewer than two, and for settings that a study decides itself.
    """
    # One of the three, so that it is clear what the arms are.
    if sum(key in values for key in ("arms", "factors", "ablations")) != 1:
        raise MaskwrightError(
            "A study plan has either `arms` (name: settings), `factors` (setting: list of values)"
            " or `ablations` (a list of groups of factors)."
        )
    # Factors see the base, because a level may add to what it says.
    if "factors" in values:
        arms = cross_factors(read_mapping("factors", values["factors"]), base)
    elif "ablations" in values:
        arms = cross_ablations(values["ablations"], base)
    else:
        written = read_mapping("arms", values["arms"])
        arms = [_read_arm(str(name), settings, values) for name, settings in written.items()]
    arms = _keep_only(arms, values)
    if len(arms) < 2:
        raise MaskwrightError(f"A study compares two arms or more; got {len(arms)}.")
    for arm in arms:
        refuse_owned(arm.settings, f"arm '{arm.name}'")
    return tuple(arms)


def read_baseline(values: Mapping[str, Any], arms: Sequence[Arm]) -> str:
    """The arm that the others are compared with, by default the first."""
    names = [arm.name for arm in arms]
    baseline = read_text("baseline", values.get("baseline")) or names[0]
    if baseline not in names:
        raise unknown_name("baseline arm", baseline, names)
    return baseline


def refuse_owned(settings: Mapping[str, Any], where: str) -> None:
    """Refuse settings that the study decides itself, such as the seed."""
    for name, owner in OWNED.items():
        if settings.get(name) is not None:
            raise MaskwrightError(
                f"{where} sets {name}, which a study decides itself (see {owner})."
            )


def _read_arm(name: str, written: Any, values: Mapping[str, Any]) -> Arm:
    """A listed arm: settings of its training, and those of the scorer in a plan that trains one."""
    settings = dict(read_mapping(f"arms.{name}", written or {}))
    scorer = settings.pop(SELECT, None)
    arm = Arm(name=name, settings=flatten(settings))
    if scorer is None:
        return arm
    if values.get(SELECT) is None:
        raise MaskwrightError(
            f"Arm '{name}' has settings of a scorer; a plan that trains scorers has a section"
            " `select` of its own, such as select: {recipe: select-cifar10}."
        )
    return replace(arm, select=dict(read_mapping(f"arms.{name}.{SELECT}", scorer)))


def _keep_only(arms: list[Arm], values: Mapping[str, Any]) -> list[Arm]:
    """The arms that `only` names, and the baseline, in the order of the plan."""
    only = values.get("only")
    if only is None:
        return arms
    # Names of arms may have commas, so a line of them is parted by semicolons.
    named = [part.strip() for part in only.split(";")] if isinstance(only, str) else list(only)
    known = [arm.name for arm in arms]
    for name in named:
        if name not in known:
            raise unknown_name("arm", str(name), known)
    kept = {*named, read_text("baseline", values.get("baseline")) or known[0]}
    return [arm for arm in arms if arm.name in kept]
