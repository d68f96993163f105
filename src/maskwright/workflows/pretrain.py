"""Pretraining from the first word to the exported encoder: find, choose, decode, train, keep."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.data.sources.open import Source, value_range_of
from maskwright.data.sources.torch_datasets import DatasetSource
from maskwright.patches import Grid
from maskwright.support.environment import cpu_count, describe_device, pick_device, pick_precision
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter, log
from maskwright.support.variables import joined_folder
from maskwright.training.optimizers import check_sharding
from maskwright.training.trackers import check_trackers
from maskwright.training.trainer import check_strategy
from maskwright.workflows.building.module import check_masks, model_config
from maskwright.workflows.building.objective import check_loss
from maskwright.workflows.loading.pictures import find, load
from maskwright.workflows.loading.seen import write_seen
from maskwright.workflows.run import Run
from maskwright.workflows.runs.run_folder import RunFolder, default_folder, logged, make_way
from maskwright.workflows.runs.same_pictures import check_same_data, new_run
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.choices import Facts, choose
from maskwright.workflows.settings.pretrain_options import PRETRAIN, PretrainOptions
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import asked_for, build_settings, flatten, read_recipe
from maskwright.workflows.training.fit import fit


@dataclass(frozen=True)
class Plan:
    """A run that can start: complete settings, opened data, a folder; `resume` goes on from its
    last checkpoint.
    """

    settings: PretrainSettings
    source: Source
    folder: RunFolder
    resume: bool
    joined: bool = False


@takes(PRETRAIN, "data")
def pretrain(
    options: PretrainOptions,
    reporter: Reporter | None = None,
    watch: Callable[[dict[str, Any]], bool] | None = None,
    **settings: Any,
) -> Run:
    """Pretrain a masked autoencoder; only `data` is required.

    data: a path or name as on the command line, an array (N, H, W, C) or (N, C, H, W), or a torch
        Dataset.
    watch: gets every row of numbers and says whether to stop.

    Raises MaskwrightError for what a user can mend.
    """
    reporter = (
        LogReporter(visible=False) if joined_folder() is not None else reporter or LogReporter()
    )
    given = {name: value for name, value in settings.items() if value is not None}
    data = given.pop("data", None)
    by_name = data is None or isinstance(data, (str, Path))
    if data is not None:
        given["data"] = str(data) if by_name else "python"
    plan = _plan(
        given,
        None if by_name else data,
        options,
        reporter,
    )
    with nullcontext() if plan.joined else logged(plan.folder):
        _say_start(plan, reporter)
        pictures = load(plan.settings.data, plan.source, plan.settings.train.seed, reporter)
        if not plan.joined:
            write_seen(plan.folder.path, plan.settings.data.data, pictures)
        stamp = plan.source.fingerprint
        fit(
            plan.settings,
            pictures,
            plan.folder,
            stamp,
            reporter,
            resume=plan.resume,
            joined=plan.joined,
            watch=watch,
        )
    return Run(plan.folder)


def _plan(
    given: dict[str, Any],
    source: Any,
    options: PretrainOptions,
    reporter: Reporter,
) -> Plan:
    joined = joined_folder()
    recipe, assignments = options.recipe, options.assignments
    if options.resume and options.overwrite:
        raise MaskwrightError(
            "--resume goes on with a run and --overwrite deletes it; give one of them."
        )
    if joined is not None or options.resume:
        given = given if joined is not None else {**asked_for(recipe, assignments), **given}
        return _plan_again(
            given, source, RunFolder(joined) if joined else None, joined is not None, reporter
        )
    settings, opened = complete(build_settings(recipe, assignments, **given), source, reporter)
    folder = (
        RunFolder(settings.run.out)
        if settings.run.out
        else default_folder(opened.name, str(settings.model.model), _policy_name(settings))
    )
    make_way(folder, options.overwrite)
    return Plan(settings.with_values(out=str(folder.path)), opened, folder, resume=False)


def complete(
    settings: PretrainSettings, source: Any, reporter: Reporter
) -> tuple[PretrainSettings, Source]:
    """Open the data and fill every open setting, saying what was chosen and why; refuses parts that
    do not go together.
    """
    check_trackers(settings.run.track)
    device = pick_device(settings.run.device)
    settings = settings.with_values(precision=settings.run.precision or pick_precision(device))
    opened, found = find(settings.data, source, reporter)
    if settings.data.value_range is None:
        # Kept with the weights: whatever they are shown later is read under the same range.
        settings = settings.with_values(value_range=value_range_of(opened))
    processes = settings.run.devices * settings.run.nodes
    facts = Facts(
        len(opened),
        min(found.median),
        1 if found.gray else found.channels,
        device.type,
        cpu_count(),
        processes,
    )
    settings, choices = choose(settings, facts)
    reporter.say(f"device: {describe_device(device)}, precision {settings.run.precision}")
    for choice in choices:
        reporter.say(f"  {choice}")
    check_strategy(settings.run.strategy)
    check_sharding(str(settings.train.optimizer), settings.run.strategy)
    _tell_kept(settings, reporter)
    check_masks(
        settings, Grid.of_image(*model_config(settings).image_size, settings.model.patch_size or 1)
    )
    check_loss(settings)
    return settings, opened


def _tell_kept(settings: PretrainSettings, reporter: Reporter) -> None:
    """Say which epochs to keep the training never reaches; a recipe may name some that a shorter
    training leaves out.
    """
    epochs = settings.train.epochs
    late = [
        epoch
        for epoch in settings.run.keep or ()
        if epochs is not None and not 1 <= epoch <= math.ceil(epochs)
    ]
    if late:
        reporter.warn(
            f"--keep {','.join(map(str, late))} has no effect: the epochs are 1 to"
            f" {math.ceil(epochs or 0)}."
        )


def _plan_again(
    given: dict[str, Any], source: Any, folder: RunFolder | None, joined: bool, reporter: Reporter
) -> Plan:
    """Plan from a folder's own settings: an interrupted run, or another process of a run that has
    started.
    """
    if folder is None:
        if "out" not in given:
            raise MaskwrightError(
                "--resume needs the run to go on with: maskwright pretrain --resume --out RUN."
            )
        folder = RunFolder(given["out"])
        if folder.status()["state"] == "finished":
            raise MaskwrightError(
                f"{folder.describe()}; there is nothing to resume. --overwrite starts it again,"
                " --out NEW another."
            )
        if not folder.last.exists():
            raise MaskwrightError(
                f"{folder} stopped before its first checkpoint; start it again with --overwrite."
            )
    settings = PretrainSettings.from_flat(flatten(read_recipe(str(folder.config))))
    settings = _moved(settings, given)
    if settings.train.optimizer is None:  # the run was begun when AdamW was the only one
        settings = settings.with_values(optimizer="adamw")
    _refuse_changes(settings, given)
    try:
        opened, _ = find(settings.data, source, reporter)
    except MaskwrightError as error:
        if given.get("data") is not None:
            raise
        raise MaskwrightError(
            f"{error} If the data lies elsewhere now, name its place: maskwright pretrain DATA"
            f" --resume --out {folder}."
        ) from error
    check_same_data(
        opened.fingerprint,
        settings.data.data,
        folder,
        new_run(folder),
        changes=isinstance(opened, DatasetSource) and opened.changes,
    )
    return Plan(settings, opened, folder, resume=folder.last.exists() and not joined, joined=joined)


def _moved(settings: PretrainSettings, given: dict[str, Any]) -> PretrainSettings:
    """The settings with the place where the data, or the file of its labels, lies today; whether it
    is the same is seen by its content.
    """
    places = {name: str(given[name]) for name in ("data", "labels") if given.get(name) is not None}
    return settings.with_values(**places)


def _refuse_changes(settings: PretrainSettings, given: dict[str, Any]) -> None:
    """A resumed run keeps its settings; say which ones differ."""
    asked = build_settings(None, (), **{"data": settings.data.data, **given}).to_flat()
    kept = settings.to_flat()
    changed = [
        f"{name} ({kept[name]} there, {asked[name]} asked)"
        for name in given
        if name != "out" and asked[name] != kept[name]
    ]
    if changed:
        raise MaskwrightError(
            f"--resume keeps the settings of the run, but these differ: {', '.join(changed)}. Use"
            " --init for a new run."
        )


def _policy_name(settings: PretrainSettings) -> str:
    policy = settings.mask.policy
    return policy if isinstance(policy, str) else "_".join(str(value) for value in policy.values())


def _say_start(plan: Plan, reporter: Reporter) -> None:
    verb = "Going on with" if plan.resume else "Writing to"
    reporter.say(f"{verb} {plan.folder}  (watch: tensorboard --logdir {plan.folder})")
    log.info("settings %s at %s", plan.settings.to_flat(), time.strftime("%Y-%m-%d %H:%M:%S"))
