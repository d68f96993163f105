"""A study's folder made ready: the plan kept in it, the data looked at once, and what each arm will
cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskwright.data.sources.open import open_source
from maskwright.data.sources.reading import Reading
from maskwright.data.store.splits import TEST_SHARE
from maskwright.studies.budget import planned, price_step
from maskwright.studies.plan import StudyPlan, build_plan, dump_plan, named
from maskwright.studies.preflight import check_measuring
from maskwright.studies.progress import QuietStream
from maskwright.studies.record import Compute
from maskwright.support.errors import MaskwrightError, NotAtHand
from maskwright.support.files import read_json, write_json, write_text
from maskwright.support.reporting import Reporter
from maskwright.workflows.evaluate import TEST_NAMES
from maskwright.workflows.loading.pictures import Pictures, load
from maskwright.workflows.pretrain import complete
from maskwright.workflows.settings.recipes import read_recipe

PLAN, LENGTHS = "plan.yaml", "lengths.json"
NOT_AT_HAND = "not at hand"


@dataclass(frozen=True)
class Design:
    """What has been decided for all trials: the length of each arm's training as settings, and what
    it is expected to cost.

    An arm whose weights or packages are missing here has its reason under NOT_AT_HAND instead of a
    length; its trials fail with it.

    rates: the learning rate of each arm, at its highest.
    """

    lengths: Mapping[str, Mapping[str, Any]]
    costs: Mapping[str, Compute]
    rates: Mapping[str, float] = field(default_factory=dict)


def keep_plan(plan: StudyPlan, folder: Path) -> StudyPlan:
    """Write the plan into the study's folder, joined with what the folder holds; see
    `join_plan`.
    """
    plan = join_plan(plan, folder)
    write_text(folder / PLAN, dump_plan(plan))
    return plan


def join_plan(plan: StudyPlan, folder: Path) -> StudyPlan:
    """The plan with a training split where the data has a test split, and with the seeds that the
    folder's plan has already.

    Raises MaskwrightError when the folder holds another study; more seeds for the same study are
    welcome.
    """
    plan = _spare_test(plan)
    file = folder / PLAN
    if file.exists():
        kept = read_recipe(str(file))
        before = build_plan(kept, plan.name)
        changed = [
            key
            for key in sorted({*kept, *plan.written} - {"seeds", "budget"})
            if kept.get(key) != plan.written.get(key)
        ]
        if before.budget != plan.budget:  # which may be spelled in two ways
            changed.append("budget")
        if changed:
            raise MaskwrightError(
                f"'{folder}' holds a study that differs in {', '.join(changed)}; choose another"
                " --out."
            )
        seeds = tuple(dict.fromkeys([*before.seeds, *plan.seeds]))
        plan = named(plan, seeds=seeds, written={**plan.written, "seeds": list(seeds)})
    return plan


def keep_lengths(design: Design, folder: Path, reporter: Reporter) -> Design:
    """Hold on to the lengths with which a study began, so that trials of another day, or of another
    version, are as long as the first.
    """
    file = folder / LENGTHS
    if not file.exists():
        write_json(file, design.lengths)
        return design
    kept = read_json(file)
    late = [name for name in kept if NOT_AT_HAND in kept[name]]
    kept.update({name: design.lengths[name] for name in late})
    if late:
        write_json(file, kept)
    if kept != design.lengths:
        reporter.warn(
            "This version would give the arms other lengths; the study goes on with those it began"
            f" with ({file})."
        )
    return replace(design, lengths=kept)


def open_plan(folder: Path) -> StudyPlan:
    """The plan of a study's folder."""
    if not (folder / PLAN).exists():
        raise MaskwrightError(f"'{folder}' holds no study: it has no {PLAN}.")
    return build_plan(read_recipe(str(folder / PLAN)), folder.name)


def design_study(plan: StudyPlan, reporter: Reporter) -> Design:
    """Complete every arm's settings, decode the pictures and price the arms, so that mistakes are
    told before anything trains.
    """
    lengths: dict[str, Mapping[str, Any]] = {}
    costs: dict[str, Compute] = {}
    rates: dict[str, float] = {}
    opened: dict[Any, Pictures] = {}
    checked: set[Any] = set()
    known: dict[str, str] = {}
    for number, arm in enumerate(plan.arms):
        reporter.progress("price", number, len(plan.arms), arm.name)
        try:
            settings, source = complete(
                plan.settings(arm, plan.seeds[0]), None, QuietStream(reporter)
            )
            pictures = opened.get(settings.data) or load(
                settings.data, source, settings.train.seed, QuietStream(reporter)
            )
            price = price_step(settings, pictures)
            if (place := (settings.data, settings.model.patch_size)) not in checked:
                check_measuring(plan.measures, settings, source, pictures, QuietStream(reporter))
                checked.add(place)
        except NotAtHand as error:
            if arm.name == plan.baseline:
                raise
            reporter.warn(f"Arm '{arm.name}' cannot run here; the others go on without it. {error}")
            lengths[arm.name] = {NOT_AT_HAND: str(error)}
            continue
        except MaskwrightError as error:
            raise MaskwrightError(f"Arm '{arm.name}': {error}") from error
        opened[settings.data] = pictures
        if (twin := known.setdefault(repr(settings), arm.name)) != arm.name:
            reporter.warn(
                f"Arms '{twin}' and '{arm.name}' have the same settings, so they come out equal;"
                " was a change forgotten?"
            )
        lengths[arm.name], costs[arm.name] = planned(settings, pictures, price, plan.budget)
        rates[arm.name] = float(settings.train.lr or 0)
    reporter.finish()
    return Design(lengths, costs, rates)


def _spare_test(plan: StudyPlan) -> StudyPlan:
    """Keep what arms are tested on out of their training: the test split where the data has one,
    else a quarter of the pictures.

    A plan that names a split or a test_size itself, or measures nothing on its own pictures, stays
    as it is.
    """
    if plan.base.get("split") is not None or plan.base.get("test_size") is not None:
        return plan
    known = open_source(plan.data, reading=Reading(value_range=plan.base.get("value_range"))).splits
    if "train" in known and any(name in known for name in TEST_NAMES):
        spared: dict[str, Any] = {"split": "train"}
    elif plan.measures.data is None and (plan.measures.probes or plan.measures.diagnostics):
        spared = {"test_size": TEST_SHARE}
    else:
        return plan
    written = {**plan.written, "base": {**plan.written.get("base", {}), **spared}}
    return named(plan, base={**plan.base, **spared}, written=written)
