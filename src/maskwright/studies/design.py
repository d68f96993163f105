"""A study made ready: the plan kept in its folder, the arms checked, what each will cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskwright.data.sources.open import open_source
from maskwright.data.sources.reading import Reading
from maskwright.data.store.splits import TEST_SHARE
from maskwright.studies.plan import StudyPlan, build_plan, dump_plan
from maskwright.studies.prepared_arms import prepare_arms
from maskwright.studies.record import Compute
from maskwright.studies.step_cost import planned
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json, write_text
from maskwright.support.reporting import Reporter
from maskwright.workflows.evaluate import TEST_NAMES
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import flatten, read_recipe

PLAN, LENGTHS = "plan.yaml", "lengths.json"
NOT_AT_HAND = "not at hand"
"""Stands in lengths.json for an arm that cannot run here, before the reason."""


@dataclass(frozen=True)
class Design:
    """What has been decided for all trials.

    An arm whose weights or packages are missing here has its reason under NOT_AT_HAND instead of a
    length; its trials fail with it.

    lengths: arm -> the settings that say how long it is trained.
    costs: arm -> what it is expected to cost.
    rates: arm -> its learning rate, at its highest.
    settings: arm -> its complete settings.
    pictures: arm -> what it trains on.
    """

    lengths: Mapping[str, Mapping[str, Any]]
    costs: Mapping[str, Compute]
    rates: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, PretrainSettings] = field(default_factory=dict)
    pictures: Mapping[str, Pictures] = field(default_factory=dict)


def left_out(lengths: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The arms that cannot run here, because weights or packages are missing."""
    return [name for name, length in lengths.items() if NOT_AT_HAND in length]


def keep_plan(plan: StudyPlan, folder: Path) -> None:
    """Write a plan that `join_plan` gave into the study's folder."""
    write_text(folder / PLAN, dump_plan(plan))


def join_plan(plan: StudyPlan, folder: Path) -> StudyPlan:
    """The plan with its test pictures spared, and with the seeds that its folder has already.

    More seeds for the same study are welcome. Raises MaskwrightError when the folder holds another
    study.
    """
    plan = _spare_test(_pick_split(plan))
    file = folder / PLAN
    if not file.exists():
        return plan
    held = read_recipe(str(file))
    # The plan that the folder holds, to be compared with the one that is asked for.
    before = build_plan(held, plan.name)
    changed = [
        key
        for key in sorted({*held, *plan.written} - {"seeds", "budget"})
        if held.get(key) != plan.written.get(key)
    ]
    # Compared as values: steps=3 and {steps: 3.0} are the same budget.
    if before.budget != plan.budget:
        changed.append("budget")
    if changed:
        raise MaskwrightError(
            f"'{folder}' holds a study that differs in {', '.join(changed)}; choose another --out."
        )
    # Seeds of the folder come first, so that the order of its trials stays.
    seeds = tuple(dict.fromkeys([*before.seeds, *plan.seeds]))
    return replace(plan, seeds=seeds, written={**plan.written, "seeds": list(seeds)})


def keep_lengths(design: Design, folder: Path, reporter: Reporter) -> Design:
    """Hold on to the lengths with which a study began.

    Trials of another day, or of another version, are then as long as the first.
    """
    file = folder / LENGTHS
    if not file.exists():
        write_json(file, design.lengths)
        return design
    lengths = read_json(file)
    # What was missing on the first day may have been fetched since.
    late = left_out(lengths)
    lengths.update({name: design.lengths[name] for name in late})
    if late:
        write_json(file, lengths)
    # Another version may count a step differently; trials must stay comparable all the same.
    if lengths != design.lengths:
        reporter.warn(
            "This version would give the arms other lengths; the study goes on with those it began"
            f" with ({file})."
        )
    return replace(design, lengths=lengths)


def open_plan(folder: Path) -> StudyPlan:
    """The plan of a study's folder."""
    if not (folder / PLAN).exists():
        raise MaskwrightError(f"'{folder}' holds no study: it has no {PLAN}.")
    return build_plan(read_recipe(str(folder / PLAN)), folder.name)


def design_study(plan: StudyPlan, reporter: Reporter) -> Design:
    """Complete every arm's settings, decode the pictures and count what the arms cost.

    Raises MaskwrightError for a mistake in an arm, before anything trains.
    """
    prepared, absent = prepare_arms(plan, reporter)
    lengths: dict[str, Mapping[str, Any]] = {
        name: {NOT_AT_HAND: reason} for name, reason in absent.items()
    }
    costs: dict[str, Compute] = {}
    for name, ready in prepared.items():
        length, cost = planned(ready.settings, ready.pictures, ready.step_cost, plan.budget)
        lengths[name] = length
        costs[name] = cost
    settings = {name: ready.settings for name, ready in prepared.items()}
    _warn_of_twins(plan, settings, reporter)
    rates = {name: float(complete.train.lr or 0) for name, complete in settings.items()}
    pictures = {name: ready.pictures for name, ready in prepared.items()}
    return Design(lengths, costs, rates, settings, pictures)


def _warn_of_twins(
    plan: StudyPlan, settings: Mapping[str, PretrainSettings], reporter: Reporter
) -> None:
    """Say which arms are the same, which complete settings show of those written in two ways."""
    known: dict[str, str] = {}
    for arm in plan.arms:
        if arm.name not in settings:
            continue
        looks = repr((settings[arm.name], arm.select))
        if (twin := known.setdefault(looks, arm.name)) != arm.name:
            reporter.warn(
                f"Arms '{twin}' and '{arm.name}' have the same settings, so they come out equal;"
                " was a change forgotten?"
            )


EITHER = " or "
"""Between splits of which the first that the data has is trained on: `unlabeled or train`."""


def _pick_split(plan: StudyPlan) -> StudyPlan:
    """Decide between the splits that a plan offers; raises MaskwrightError where none is there."""
    wanted = plan.base.get("split")
    if not isinstance(wanted, str) or EITHER not in wanted:
        return plan
    reading = Reading(value_range=plan.base.get("value_range"))
    names = [name.strip() for name in wanted.split(EITHER)]
    splits = open_source(plan.data, reading=reading).splits
    found = [name for name in names if name in splits]
    if not found:
        raise MaskwrightError(
            f"'{plan.data}' has none of the splits {', '.join(names)} (it has"
            f" {', '.join(splits) or 'none'}); give one: --set data.split=NAME."
        )
    return _with_base(plan, split=found[0])


def _with_base(plan: StudyPlan, **changes: Any) -> StudyPlan:
    """The plan with settings of its base changed, in its file too."""
    # Workers on other machines read the plan from its file.
    base = flatten(plan.written.get("base") or {})
    written = {**plan.written, "base": {**base, **changes}}
    return replace(plan, base={**plan.base, **changes}, written=written)


def _spare_test(plan: StudyPlan) -> StudyPlan:
    """Keep what arms are tested on out of their training.

    That is the test split where the data has one, else a quarter of the pictures. A plan that names
    a split or a test_size itself, or measures nothing on its own pictures, stays as it is.
    """
    if plan.base.get("split") is not None or plan.base.get("test_size") is not None:
        return plan
    reading = Reading(value_range=plan.base.get("value_range"))
    splits = open_source(plan.data, reading=reading).splits
    measures = plan.measures
    if "train" in splits and any(name in splits for name in TEST_NAMES):
        spared: dict[str, Any] = {"split": "train"}
    elif measures.data is None and (measures.probes or measures.diagnostics):
        spared = {"test_size": TEST_SHARE}
    else:
        return plan
    written = {**plan.written, "base": {**plan.written.get("base", {}), **spared}}
    return replace(plan, base={**plan.base, **spared}, written=written)
