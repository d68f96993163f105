"""What is said instead of a plan: its data, seeds, budget, arms, probes and shared settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_text
from maskwright.support.yaml_text import write_yaml
from maskwright.workflows.settings.recipes import flatten, merge_sections, parse_assignments

MEASURING = "evaluate."
SCORER = "select."
"""Begin an assignment to the plan's section of that name."""
_ONE_LINE = 10_000  # columns
NOTHING = "none"
"""Written for a budget, or for probes, that there shall not be."""


def change_plan(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a plan with what is said instead of it; None means as the plan says.

    changes: keys of a plan, and `probes` and `assignments`, which go into its sections.

    Raises MaskwrightError for an assignment that every arm overrules.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    probes = given.pop("probes", None)
    assignments = given.pop("assignments", None)
    changed = {**values, **given}
    # A study without a budget trains every arm as long as its own settings say.
    if changed.get("budget") == NOTHING:
        changed["budget"] = None
    if probes is not None:
        measuring = dict(changed.get("evaluate") or {})
        # The main metric may be that of a probe that is gone.
        measuring.pop("main", None)
        changed["evaluate"] = {**measuring, "probes": [] if probes == NOTHING else probes}
    return _assign(changed, assignments) if assignments else changed


def _assign(values: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Settings that all arms share, over those of the plan's base, and how trials are measured."""
    measuring = [text for text in assignments if text.startswith(MEASURING)]
    for text in measuring:
        name, _, value = text.removeprefix(MEASURING).partition("=")
        values = {**values, "evaluate": {**(values.get("evaluate") or {}), name.strip(): value}}
    scorers = [text for text in assignments if text.startswith(SCORER)]
    if scorers:
        values = {**values, "select": _set_scorer(values.get("select"), scorers)}
    others = [text for text in assignments if text not in measuring and text not in scorers]
    sections = parse_assignments(others)
    written = values.get("arms")
    arms = [flatten(_of_training(arm or {})) for arm in written.values()] if written else []
    for name in flatten(sections):
        # What is not used must not pass in silence.
        if arms and all(name in arm for arm in arms):
            raise MaskwrightError(
                f"Every arm of the plan sets {name} itself, so --set has no effect on it; copy the"
                " plan (--copy plan.yaml) and change its arms there."
            )
    base = values.get("base") or {}
    if not isinstance(base, Mapping):
        return values
    return {**values, "base": merge_sections(base, sections)}


def _of_training(arm: Mapping[str, Any]) -> dict[str, Any]:
    """What an arm says of its training, without what it says of its scorer."""
    return {name: value for name, value in arm.items() if f"{name}." != SCORER}


def _set_scorer(section: Any, assignments: Sequence[str]) -> dict[str, Any]:
    """How the scorers of a plan are trained, with what is said instead.

    Raises MaskwrightError for a plan that trains none.
    """
    if not isinstance(section, Mapping):
        raise MaskwrightError(
            f"This plan trains no scorer, so --set {assignments[0]} has no effect on it."
        )
    changed = dict(section)
    for text in assignments:
        name, _, value = text.removeprefix(SCORER).partition("=")
        changed[name.strip()] = yaml.safe_load(value)
    return changed


def copy_plan(values: Mapping[str, Any], place: str, plan: str) -> Path:
    """Write plain values of a plan as a file that `maskwright study FILE` runs; returns its path.

    plan: where they came from.

    Raises MaskwrightError for a place that is taken, or that is no .yaml file.
    """
    path = Path(place)
    if path.suffix not in (".yaml", ".yml"):
        raise MaskwrightError(f"A plan is copied to a .yaml file; got --copy '{place}'.")
    if path.exists():
        raise MaskwrightError(f"'{place}' exists already; choose another place for the copy.")
    heading = f"# A copy of the study plan {plan}\n# maskwright study {place}\n"
    # Each setting on one line: folded ones are hard to find and to change.
    write_text(path, heading + write_yaml(values, width=_ONE_LINE))
    return path
