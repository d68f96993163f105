"""What a study compares: a question, arms or factors, seeds, a budget and how trials are measured,
read from YAML or from flags.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from maskwright.studies.budget import Budget
from maskwright.studies.factors import cross_factors
from maskwright.studies.measures import MeasureSettings
from maskwright.studies.plan_values import parse_seeds, read_mapping, read_text
from maskwright.studies.ranges import Range, parse_ranges
from maskwright.studies.record import Arm
from maskwright.support.errors import MaskwrightError, did_you_mean, unknown_name
from maskwright.support.yaml_text import read_yaml
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

KEYS = (
    "name",
    "question",
    "data",
    "recipe",
    "base",
    "arms",
    "factors",
    "baseline",
    "seeds",
    "budget",
    "evaluate",
    "search",
)
OWNED = {"seed": "seeds", "out": "the study's folder"}


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A study before it runs; written: the plan as plain values, which `read_plan` reads back.

    arms: the variants in order, the baseline among them.
    base: the flat settings that all arms share.
    ranges: what a search may change.
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
    written: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def settings(self, arm: Arm, seed: int, **more: Any) -> PretrainSettings:
        """The settings of one trial: base, then the arm, then its seed and what the
        study decides.
        """
        own = override(self.base, canonical(arm.settings))
        return build_settings(None, (), **{**override(own, more), "data": self.data, "seed": seed})

    @property
    def keys(self) -> list[tuple[str, int]]:
        """Every trial by arm and seed, one seed of all arms after another, so that a stopped study
        is balanced.
        """
        return [(arm.name, seed) for seed in self.seeds for arm in self.arms]

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)


def read_plan(path: str | Path, data: str | None = None, **given: Any) -> StudyPlan:
    """Read a plan from a YAML file or, by name, from those that come with the package; data and
    given (seeds ...) win over it.

    Raises MaskwrightError for unknown keys and settings, with the nearest known one.
    """
    values = _read_yaml(path)
    if data is not None:
        values["data"] = data
    return build_plan(
        {**values, **{name: value for name, value in given.items() if value is not None}},
        Path(path).stem,
    )


def plan_names() -> list[str]:
    """Names of the plans that come with the package."""
    place = files("maskwright") / "recipes" / "studies"
    return (
        sorted(
            item.name.removesuffix(".yaml")
            for item in place.iterdir()
            if item.name.endswith(".yaml")
        )
        if place.is_dir()
        else []
    )


def plan_policies(data: str, policies: str | Iterable[str], **rest: Any) -> StudyPlan:
    """The plan of `maskwright compare`: one arm per policy; rest: seeds, budget, evaluate, recipe
    and any setting of pretrain.
    """
    names = parts(policies) if isinstance(policies, str) else [str(policy) for policy in policies]
    if len(set(names)) < 2:
        raise MaskwrightError(
            f"A comparison needs two different policies or more; got '{policies}'. See: maskwright"
            " list policies."
        )
    own = {name: value for name, value in rest.items() if name in KEYS and value is not None}
    base = {name: value for name, value in rest.items() if name not in KEYS and value is not None}
    question = f"Which policy is better on {Path(data).name}: {', '.join(names)}?"
    values = {
        "question": question,
        "data": data,
        "base": base,
        "arms": {name: {"policy": name} for name in names},
        **own,
    }
    return build_plan(values, slug(f"compare-{Path(data).stem}"))


def build_plan(values: Mapping[str, Any], name: str) -> StudyPlan:
    """Check plain values and build the plan; name: what the study is called where it
    does not say.
    """
    for key in values:
        if key not in KEYS:
            raise MaskwrightError(
                f"Unknown key '{key}' in a study plan.{did_you_mean(str(key), KEYS)} Known:"
                f" {', '.join(KEYS)}."
            )
    base = _base(values)
    data = read_text("data", values.get("data")) or base.pop("data", None)
    if data is None:
        raise MaskwrightError(
            "The plan names no data; add `data: FOLDER` to it, or give it: maskwright study PLAN"
            " --data FOLDER."
        )
    arms = _arms(values, base)
    baseline = read_text("baseline", values.get("baseline")) or arms[0].name
    called = slug(read_text("name", values.get("name")) or name)
    if baseline not in [arm.name for arm in arms]:
        raise unknown_name("baseline arm", baseline, [arm.name for arm in arms])
    plan = StudyPlan(
        name=called,
        question=(read_text("question", values.get("question")) or "").strip(),
        data=str(data),
        base=base,
        arms=arms,
        baseline=baseline,
        seeds=parse_seeds(values.get("seeds", 3)),
        budget=None if values.get("budget") is None else Budget.parse(values["budget"]),
        measures=MeasureSettings.parse(values.get("evaluate") or {}),
        ranges=parse_ranges(read_mapping("search", values.get("search") or {})),
        written={
            **{key: values[key] for key in KEYS if key in values},
            "name": called,
            "data": str(data),
        },
    )
    _check(plan)
    return plan


def dump_plan(plan: StudyPlan) -> str:
    """The plan as YAML."""
    return yaml.safe_dump(dict(plan.written), sort_keys=False, allow_unicode=True)


def _read_yaml(path: str | Path) -> dict[str, Any]:
    place = Path(path)
    if not place.suffix and not place.is_file():
        if str(path) not in plan_names():
            raise unknown_name(
                "study plan", str(path), plan_names(), " A path to a .yaml file works too."
            )
        place = Path(str(files("maskwright") / "recipes" / "studies" / f"{path}.yaml"))
    try:
        read = read_yaml(place.read_text(encoding="utf-8"))
    except MaskwrightError as error:
        raise MaskwrightError(f"In the study plan '{path}' {error}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MaskwrightError(f"Could not read the study plan '{path}': {error}") from error
    if not isinstance(read, dict):
        raise MaskwrightError(
            f"The study plan '{path}' must be a YAML mapping with keys such as {', '.join(KEYS)}."
        )
    return read


def _base(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all arms share: a recipe, then `base`."""
    named_recipe = read_text("recipe", values.get("recipe"))
    recipe = flatten(read_recipe(named_recipe)) if named_recipe else {}
    base = override(recipe, flatten(read_mapping("base", values.get("base") or {})))
    _refuse_owned(base, "base")
    try:
        check_types({name: value for name, value in base.items() if value is not None})
    except MaskwrightError as error:
        raise MaskwrightError(f"In `base`, {error}") from error
    return base


def _arms(values: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[Arm, ...]:
    if ("arms" in values) == ("factors" in values):
        raise MaskwrightError(
            "A study plan has either `arms` (name: settings) or `factors` (setting: list of"
            " values)."
        )
    if "factors" in values:
        arms = cross_factors(read_mapping("factors", values["factors"]), base)
    else:
        written = read_mapping("arms", values["arms"])
        arms = [
            Arm(name=str(name), settings=flatten(read_mapping(f"arms.{name}", own or {})))
            for name, own in written.items()
        ]
    if len(arms) < 2:
        raise MaskwrightError(f"A study compares two arms or more; got {len(arms)}.")
    for arm in arms:
        _refuse_owned(arm.settings, f"arm '{arm.name}'")
    return tuple(arms)


def _check(plan: StudyPlan) -> None:
    """Build every arm's settings once, so that a typo is told before anything runs; two arms must
    differ in their folders' names too.
    """
    for arm in plan.arms:
        try:
            plan.settings(arm, plan.seeds[0])
        except MaskwrightError as error:
            raise MaskwrightError(f"Arm '{arm.name}': {error}") from error
    if plan.budget is not None:
        for arm in plan.arms:
            lengths = [
                name
                for name in ("epochs", "steps", "minutes")
                if arm.settings.get(name) is not None
            ]
            if lengths:
                raise MaskwrightError(
                    f"Arm '{arm.name}' sets {lengths[0]}, which the budget decides; leave out one"
                    " of the two."
                )


def _refuse_owned(settings: Mapping[str, Any], where: str) -> None:
    for name, owner in OWNED.items():
        if settings.get(name) is not None:
            raise MaskwrightError(
                f"{where} sets {name}, which a study decides itself (see {owner})."
            )


def named(plan: StudyPlan, **changes: Any) -> StudyPlan:
    """The same plan with some fields changed."""
    return dataclasses.replace(plan, **changes)
