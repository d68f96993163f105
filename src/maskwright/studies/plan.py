"""What a study compares: a question, arms or factors, seeds, a budget, how trials are measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskwright.patches.target import require_picture
from maskwright.studies.budget import Budget
from maskwright.studies.measures import MeasureSettings
from maskwright.studies.plan_arms import SELECT, read_arms, read_baseline, refuse_owned
from maskwright.studies.plan_changes import change_plan
from maskwright.studies.plan_files import KEYS, read_plan_file
from maskwright.studies.plan_values import parse_seeds, read_mapping, read_text
from maskwright.studies.ranges import Range, parse_ranges
from maskwright.studies.record import Arm
from maskwright.studies.scorers import scorer_settings
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.yaml_text import write_yaml
from maskwright.targets.building import read_target
from maskwright.workflows.building.policies import parts
from maskwright.workflows.runs.run_folder import slug
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import (
    build_settings,
    canonical,
    check_types,
    flatten,
    override,
    read_recipe,
)
from maskwright.workflows.settings.select_settings import build_select_settings


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A study before it runs.

    data: the pictures, as pretrain takes them.
    base: the flat settings that all arms share.
    arms: the variants in order, the baseline among them.
    baseline: the name of the arm that the others are compared with.
    budget: what every trial may spend; None: each as much as its settings say.
    measures: how trials are measured.
    ranges: what a search may change.
    select: settings that the scorers of all arms share, in a plan that trains one on each run.
    written: the plan as plain values, which `build_plan` reads back.
    """

    name: str
    question: str
    data: str
    base: Mapping[str, Any]
    arms: Sequence[Arm]
    baseline: str
    seeds: Sequence[int]
    budget: Budget | None
    measures: MeasureSettings
    ranges: Mapping[str, Range] = field(default_factory=dict)
    select: Mapping[str, Any] | None = None
    written: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def settings(self, arm: Arm, seed: int, **more: Any) -> PretrainSettings:
        """The settings of one trial: base, then the arm, then what the study decides."""
        settings = override(override(self.base, canonical(arm.settings)), more)
        return build_settings(None, (), **{**settings, "data": self.data, "seed": seed})

    @property
    def keys(self) -> list[tuple[str, int]]:
        """Every trial by arm and seed."""
        # One seed of all arms after another, so that a study that was stopped is balanced.
        return [(arm.name, seed) for seed in self.seeds for arm in self.arms]

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)


def read_plan(
    path: str | Path, data: str | None = None, scale: str | None = None, **given: Any
) -> StudyPlan:
    """Read a plan from a YAML file or, by name, from those that come with the package.

    data, given: instead of the plan's (seeds ...), as if it said so; see `change_plan`.
    scale: `full` for the sizes of the project that the plan follows.

    Raises MaskwrightError for unknown keys and settings, with the nearest known one.
    """
    values = change_plan(read_plan_file(path, scale), {"data": data, **given})
    return build_plan(values, Path(path).stem)


def plan_policies(data: str, policies: str | Iterable[str], **settings: Any) -> StudyPlan:
    """The plan of `maskwright compare`: one arm per policy.

    settings: keys of a plan (seeds, budget, evaluate, recipe) and any setting of pretrain.
    """
    # Commas inside parentheses belong to a policy's options.
    names = parts(policies) if isinstance(policies, str) else [str(policy) for policy in policies]
    if len(set(names)) < 2:
        raise MaskwrightError(
            f"A comparison needs two different policies or more; got '{policies}'. See: maskwright"
            " list policies."
        )
    # What is no key of a plan is a setting that all arms share.
    given = {name: value for name, value in settings.items() if value is not None}
    values = {
        "question": f"Which policy is better on {Path(data).name}: {', '.join(names)}?",
        "data": data,
        "base": {name: value for name, value in given.items() if name not in KEYS},
        "arms": {name: {"policy": name} for name in names},
        **{name: value for name, value in given.items() if name in KEYS},
    }
    return build_plan(values, slug(f"compare-{Path(data).stem}"))


def build_plan(values: Mapping[str, Any], name: str) -> StudyPlan:
    """Check plain values and build the plan.

    name: what the study is called where the values do not say.
    """
    for key in values:
        if key not in KEYS:
            raise MaskwrightError(
                f"Unknown key '{key}' in a study plan.{did_you_mean(str(key), KEYS)} Known:"
                f" {', '.join(KEYS)}."
            )
    # First what arms are made of: recipe and base, then data, which base may name too.
    base = _base(values)
    data = _data(values, base)
    arms = read_arms(values, base)
    name = slug(read_text("name", values.get("name")) or name)
    budget = values.get("budget")
    plan = StudyPlan(
        name=name,
        question=(read_text("question", values.get("question")) or "").strip(),
        data=data,
        base=base,
        arms=arms,
        baseline=read_baseline(values, arms),
        seeds=parse_seeds(values.get("seeds", 3)),
        budget=None if budget is None else Budget.parse(budget),
        measures=_measures(values),
        select=values.get(SELECT),
        ranges=parse_ranges(read_mapping("search", values.get("search") or {})),
        written={
            **{key: values[key] for key in KEYS if key in values},
            "name": name,
            "data": data,
        },
    )
    # Only a whole plan can build its arms' settings, so these checks come last.
    _check(plan)
    return plan


def dump_plan(plan: StudyPlan) -> str:
    """The plan as YAML."""
    return write_yaml(plan.written)


def _measures(values: Mapping[str, Any]) -> MeasureSettings:
    """How trials are measured; scorers by what they keep, unless the plan asks for more."""
    written = values.get("evaluate") or {}
    if values.get(SELECT) is not None:
        read_mapping(SELECT, values[SELECT])
        written = {"probes": [], "masks": [], **written, "selection": True}
    return MeasureSettings.parse(written)


def _base(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all arms share: a recipe, then `base`."""
    named_recipe = read_text("recipe", values.get("recipe"))
    # The plan's own base wins over the recipe that it names.
    recipe = flatten(read_recipe(named_recipe)) if named_recipe else {}
    base = override(recipe, flatten(read_mapping("base", values.get("base") or {})))
    refuse_owned(base, "base")
    try:
        # Types are checked here, where the message can name `base`; arms are checked later.
        check_types({name: value for name, value in base.items() if value is not None})
    except MaskwrightError as error:
        raise MaskwrightError(f"In `base`, {error}") from error
    return base


def _data(values: Mapping[str, Any], base: dict[str, Any]) -> str:
    """Where the pictures are; taken out of base, because the study decides it for all arms."""
    data = read_text("data", values.get("data")) or base.pop("data", None)
    if data is None:
        raise MaskwrightError(
            "The plan names no data; add `data: FOLDER` to it, or give it: maskwright study PLAN"
            " --data FOLDER."
        )
    return str(data)


def _check(plan: StudyPlan) -> None:
    """Build every arm's settings once, so that a mistake shows before anything runs."""
    for arm in plan.arms:
        try:
            target = read_target(plan.settings(arm, plan.seeds[0]).model.target)
            if plan.measures.masks:  # pictures are filled in
                require_picture(target, "The model (evaluate.masks: [] fills in none)")
            if plan.select is not None:
                build_select_settings(None, scorer_settings(plan.select, arm))
        except MaskwrightError as error:
            raise MaskwrightError(f"Arm '{arm.name}': {error}") from error
    if plan.budget is None:
        return
    # Two rulers of one length: the budget decides how long each arm is trained.
    for arm in plan.arms:
        for name in ("epochs", "steps", "minutes"):
            if arm.settings.get(name) is not None:
                raise MaskwrightError(
                    f"Arm '{arm.name}' sets {name}, which the budget decides; leave out one of the"
                    " two."
                )
