"""Pretraining from the first word to the exported encoder: find, choose, decode, train, keep."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from maskwright.data.sources.open import Source, value_range_of
from maskwright.support.environment import cpu_count, describe_device, pick_device, pick_precision
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter, log
from maskwright.support.variables import find_launch
from maskwright.training.group import joined_group
from maskwright.training.launch import started_group
from maskwright.training.trackers import DEFAULT, check_trackers, is_installed
from maskwright.weights.fitting import FittedWeights
from maskwright.workflows.building.objective import check_loss
from maskwright.workflows.building.policy_build import PolicyBuild, build_run_policy
from maskwright.workflows.building.target import check_target
from maskwright.workflows.health.short_checkup import report_checkup
from maskwright.workflows.loading.held_out import count_trained, warn_of_few_held
from maskwright.workflows.loading.pictures import find, load
from maskwright.workflows.run import Run
from maskwright.workflows.runs.run_folder import RunFolder, default_folder, logged, prepare_folder
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.choices import Facts, choose
from maskwright.workflows.settings.pretrain_options import PRETRAIN, PretrainOptions
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import asked_for, build_settings
from maskwright.workflows.training.fit import fit
from maskwright.workflows.training.resume_plan import plan_resumed
from maskwright.workflows.training.run_plan import RunPlan
from maskwright.workflows.training.start_processes import check_can_start, check_count, launch_count
from maskwright.workflows.training.start_weights import (
    advise_start,
    facts_of_start,
    fit_start,
    open_start,
    report_start,
)
from maskwright.workflows.training.worker import help_run

Watch = Callable[[dict[str, Any]], bool]
WORKER = "maskwright.workflows.training.worker"


@takes(PRETRAIN, "data")
def pretrain(
    options: PretrainOptions,
    reporter: Reporter | None = None,
    watch: Watch | None = None,
    **settings: Any,
) -> Run:
    """Pretrain a masked autoencoder; only `data` is required.

    data: a path or name as on the command line, an array (N, H, W, C) or (N, C, H, W), or a torch
        Dataset.
    watch: gets every row of numbers and says whether to stop.

    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or usual_reporter()
    given = {name: value for name, value in settings.items() if value is not None}
    data = given.pop("data", None)
    # An array or a Dataset has no name; settings then say `python`.
    by_name = data is None or isinstance(data, (str, Path))
    if data is not None:
        given["data"] = str(data) if by_name else "python"
    if options.resume and options.overwrite:
        raise MaskwrightError(
            "--resume goes on with a run and --overwrite deletes it; give one of them."
        )
    source = None if by_name else data
    launch = find_launch()
    if launch is None:
        plan = _plan(given, source, options, reporter)
        return _train_with_own_processes(plan, options, reporter, watch)
    # A launcher has started all processes alike: the first plans, the others wait for its word.
    with joined_group(launch) as group:
        if not group.is_first:
            return Run(help_run(group, given, source))
        given |= launch_count(launch, options, given)
        plan = replace(_plan(given, source, options, reporter), group=group)
        check_count(plan.settings.run, group)
        return _train(plan, options, reporter, watch)


def _train_with_own_processes(
    plan: RunPlan, options: PretrainOptions, reporter: Reporter, watch: Watch | None
) -> Run:
    """Train in this process, and in others that are started for further devices."""
    check_can_start(plan.settings)
    devices = plan.settings.run.devices
    if devices == 1:
        return _train(plan, options, reporter, watch)
    with started_group(WORKER, devices) as group:
        return _train(replace(plan, group=group), options, reporter, watch)


def _train(plan: RunPlan, options: PretrainOptions, reporter: Reporter, watch: Watch | None) -> Run:
    with logged(plan.folder):
        _say_start(plan, reporter)
        pictures = load(plan.settings.data, plan.source, plan.settings.train.seed, reporter)
        fit(plan, pictures, reporter, watch)
        is_finished = plan.folder.status()["state"] == "finished"
        if options.checkup and is_finished:
            report_checkup(plan.folder, pictures, reporter)
    return Run(plan.folder)


def _plan(
    given: dict[str, Any], source: Any, options: PretrainOptions, reporter: Reporter
) -> RunPlan:
    """Plan the run; everything that can be refused is refused here, before anything is decoded."""
    if options.resume:
        given = {**asked_for(options.recipe, options.assignments), **given}
        return plan_resumed(given, source, reporter)
    settings = build_settings(options.recipe, options.assignments, **given)
    return _plan_new(settings, source, options.overwrite, reporter)


def _plan_new(given: PretrainSettings, source: Any, overwrite: bool, reporter: Reporter) -> RunPlan:
    """Plan a run that begins."""
    planned = _complete(given, source, reporter)
    settings, opened = planned.settings, planned.source
    # Not in `complete`: a study asks it before the budget has set the epochs of its arms.
    _warn_of_late_epochs(settings, reporter)
    if settings.run.out:
        folder = RunFolder(settings.run.out)
    else:
        folder = default_folder(opened.name, str(settings.model.model), _policy_name(settings))
    prepare_folder(folder, overwrite)
    return RunPlan(
        settings=settings.with_values(out=str(folder.path)),
        source=opened,
        policy_build=planned.policy_build,
        folder=folder,
        start=planned.start,
    )


def complete(
    settings: PretrainSettings, source: Any, reporter: Reporter
) -> tuple[PretrainSettings, Source]:
    """Open the data and fill every open setting, saying what was chosen and why.

    Raises MaskwrightError for parts that do not go together.
    """
    planned = _complete(settings, source, reporter)
    return planned.settings, planned.source


@dataclass(frozen=True)
class _Completed:
    """Complete settings with what was opened or built to see whether they fit."""

    settings: PretrainSettings
    source: Source
    policy_build: PolicyBuild
    start: FittedWeights | None


def _complete(settings: PretrainSettings, source: Any, reporter: Reporter) -> _Completed:
    """`complete`, with everything that was opened on the way."""
    # Weights that cannot be read are refused before any picture is looked at.
    parts = open_start(settings.train.init)
    check_trackers(settings.run.track, reporter)
    # Precision follows from the device.
    device = pick_device(settings.run.device)
    settings = settings.with_values(precision=settings.run.precision or pick_precision(device))
    # The pictures say how large, how many and of which channels.
    opened, survey = find(settings.data, source, reporter)
    warn_of_few_held(settings.data, len(opened), reporter)
    if settings.data.value_range is None:
        # Kept with the weights: whatever they are shown later is read under the same range.
        settings = settings.with_values(value_range=value_range_of(opened))

    # What was left open follows from the pictures, the machine and the weights to start from.
    facts = Facts(
        count_trained(settings.data, len(opened)),
        min(survey.median),
        1 if survey.gray else survey.channels,
        device.type,
        cpu_count(),
        settings.run.devices * settings.run.nodes,
        facts_of_start(parts),
    )
    settings = _choose(settings, facts, device, reporter)

    # Mistakes that would show only after decoding are refused here.
    policy_build = build_run_policy(settings, len(opened))
    check_loss(settings)
    check_target(settings, reporter)
    start = fit_start(parts, settings)
    if start is None:
        advise_start(facts, reporter)
    else:
        report_start(start, reporter)
    return _Completed(settings, opened, policy_build, start)


def _choose(
    settings: PretrainSettings, facts: Facts, device: torch.device, reporter: Reporter
) -> PretrainSettings:
    """Fill every open setting, and say what was chosen and why."""
    settings, choices = choose(settings, facts)
    reporter.say(f"device: {describe_device(device)}, precision {settings.run.precision}")
    for choice in choices:
        # What is as usual has no reason and needs no line.
        if choice.reason:
            reporter.say(f"  {choice}")
    return settings


def _warn_of_late_epochs(settings: PretrainSettings, reporter: Reporter) -> None:
    """Say which epochs to keep the training never reaches.

    A recipe may name some that a shorter training leaves out.
    """
    if settings.train.epochs is None:
        return
    last = math.ceil(settings.train.epochs)
    late = [epoch for epoch in settings.run.keep or () if not 1 <= epoch <= last]
    if late:
        listed = ",".join(map(str, late))
        reporter.warn(f"--keep {listed} has no effect: the epochs are 1 to {last}.")


def _policy_name(settings: PretrainSettings) -> str:
    """The policy as part of a folder's name."""
    policy = settings.mask.policy
    return policy if isinstance(policy, str) else "_".join(str(value) for value in policy.values())


def _say_start(plan: RunPlan, reporter: Reporter) -> None:
    # The first line of every log.
    verb = "Going on with" if plan.resume else "Writing to"
    watch = ""
    if DEFAULT in plan.settings.run.track and is_installed(DEFAULT):
        watch = f"  (watch: tensorboard --logdir {plan.folder})"
    reporter.say(f"{verb} {plan.folder}{watch}")
    log.info("settings %s at %s", plan.settings.to_flat(), time.strftime("%Y-%m-%d %H:%M:%S"))
