"""The training itself: parts and callbacks put together and run.

The run folder is left in a true state whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from maskwright.data.loader import ResumableLoader
from maskwright.data.picture_losses import PictureLosses
from maskwright.evaluation.baselines import TrivialBaselines
from maskwright.masking.given import check_given
from maskwright.support.environment import keep_freed_memory, pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter, curves_shown_by
from maskwright.training.clock import Clock
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.group import Group
from maskwright.training.module import PretrainModule
from maskwright.training.recorder import Row
from maskwright.training.trackers import Tracker, open_trackers, tracker_notes
from maskwright.training.trainer import Machine
from maskwright.workflows.building.module import build_module
from maskwright.workflows.loading.batches import (
    BatchExtras,
    build_batches,
    build_clock,
    picture_losses,
)
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.loading.seen import write_seen
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.run_log import RunLog
from maskwright.workflows.runs.same_pictures import check_same_parts, new_run
from maskwright.workflows.runs.train_loop import TrainLoop, load_finished, run_train_loop
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.training.collapse_watch import CollapseWatch
from maskwright.workflows.training.component_watch import mean_picture_loss
from maskwright.workflows.training.fit_basis import fit_basis
from maskwright.workflows.training.fit_target import fit_target
from maskwright.workflows.training.monitors import TrainingMonitor
from maskwright.workflows.training.run_plan import ActiveRun, RunPlan
from maskwright.workflows.training.run_record import record_begin, record_end, record_failure


def fit(
    plan: RunPlan,
    pictures: Pictures,
    reporter: Reporter,
    watch: Callable[[Row], bool] | None = None,
) -> None:
    """Train to the end, to a request to stop, or to an error; the state in run.json says which.

    watch: see RunLog.
    """
    folder = plan.folder
    if plan.resume:
        check_same_parts(pictures.train, pictures.held, folder, new_run(folder))
    run = _build_run(plan, pictures, reporter)

    # A process that has joined trains along and leaves all writing to the one that began.
    trackers: list[Tracker] = []
    if not plan.joined:
        record_begin(run)
        # Written once there is a run: an attempt that was refused leaves no folder.
        write_seen(folder.path, plan.settings.data.data, pictures)
        for note in tracker_notes(plan.settings.run.track, folder.path):
            reporter.say(note)
        trackers = open_trackers(plan.settings.run.track, folder.path, plan.settings.to_flat())
        # The others have waited for this word; they find everything in the folder.
        plan.group.hear_first({"folder": str(folder.path), "resume": plan.resume})
    check_all_take_part(plan.group)

    run_log = RunLog(folder, trackers, watch, curves_shown_by(reporter))
    try:
        stopped = _train(run, run_log)
    except BaseException as error:
        record_failure(folder, error)
        raise
    finally:
        run_log.close()
    if not plan.joined:
        record_end(run, stopped)
    _end_together(plan.group)


def _end_together(group: Group) -> None:
    """Wait until the first process has written everything.

    Launchers kill all processes of a job where one has ended with a code other than 0, as after a
    stop.
    """
    group.hear_first(None)


def _build_run(plan: RunPlan, pictures: Pictures, reporter: Reporter) -> ActiveRun:
    """Batches, clock and module, with the weights that the run starts from."""
    settings = plan.settings
    device = pick_device(settings.run.device)
    if device.type == "cpu":
        keep_freed_memory()
    losses = picture_losses(settings, pictures.train)
    loader = _open_batches(plan, pictures, device, losses)
    module = _build_module(plan, pictures, build_clock(settings, len(loader)))
    # The module says what pictures cost, and the loader draws by it.
    module.picture_losses = losses
    # A resumed run finds what was fitted in its checkpoint.
    if not plan.resume and (fitted := fit_target(module.model, pictures, pictures.scale)):
        reporter.say(fitted)
    if not plan.resume and (fitted := fit_basis(module, pictures)):
        reporter.say(fitted)
    if plan.start is not None and not plan.resume:
        plan.start.copy_into(module.model, pictures.scale)
        # Averages of the encoder have copied the weights before these came.
        module.masker.restart(module.model.encoder)
        if module.features is not None:
            module.features.restart(module.model.encoder)
    return ActiveRun(plan=plan, pictures=pictures, loader=loader, module=module, reporter=reporter)


def _open_batches(
    plan: RunPlan, pictures: Pictures, device: torch.device, losses: PictureLosses | None
) -> ResumableLoader:
    """The batches, with the maps that the policy and the loss look at."""
    parts = plan.policy_build
    # Masks that belong to pictures by name must fit those held out too.
    if parts.needs_keys:
        held_keys = () if pictures.held is None else pictures.held.keys
        check_given(parts.policy, (*pictures.train.keys, *held_keys))
    extras = BatchExtras(
        maps=parts.map_names, grid=parts.grid, keys=parts.needs_keys, losses=losses
    )
    return build_batches(plan.settings, pictures, device, extras, plan.group)


def _build_module(plan: RunPlan, pictures: Pictures, clock: Clock) -> PretrainModule:
    """The module, with what its checkpoints say of it."""
    settings, scale = plan.settings, pictures.scale
    described = {
        "format": 1,
        "pixel_scale": {"mean": list(scale.mean), "std": list(scale.std)},
        "settings": settings.to_flat(),
    }
    num_pictures = len(pictures.train)
    module = build_module(settings, scale, clock, described, num_pictures, plan.policy_build)
    if settings.run.compile:
        module.model.compile()
    return module


def _train(run: ActiveRun, run_log: RunLog) -> bool:
    """Train; returns whether the training was stopped before its end."""
    settings, module = run.settings, run.module
    # A run can be interrupted between its last step and the record of its end.
    if run.plan.resume and load_finished(run.folder, module):
        return False
    # What is measured meanwhile, and what stands beside the loss.
    monitor = TrainingMonitor(settings, run.pictures, run_log.picture)
    watch = CollapseWatch(run.reporter)
    loop = TrainLoop(
        label="pretrain",
        beside=_beside(run, monitor),
        machine=_machine(settings, run.plan.group),
        epochs=settings.train.epochs,
        tasks=monitor.tasks(),
        save_minutes=settings.run.save_minutes,
        keep=settings.run.keep or (),
        more=lambda: {**module.take_row(), **watch.take_row(module)},
        average=settings.train.ema or 0.0,
    )
    result = run_train_loop(module, run.loader, run_log, loop, run.reporter, resume=run.plan.resume)
    # A request that came with the last step has stopped nothing.
    total_steps = module.clock.total_steps
    is_before_end = total_steps is None or result.step < total_steps
    return result.stop_requested and is_before_end


def _machine(settings: PretrainSettings, group: Group) -> Machine:
    return Machine(
        device=pick_device(settings.run.device),
        precision=settings.run.precision or "32-true",
        accumulate=settings.train.accumulate,
        group=group,
    )


def check_all_take_part(group: Group) -> None:
    """Raise MaskwrightError on every process where one of them cannot take part."""
    reasons = group.hear_all(None)
    for rank, reason in enumerate(reasons):
        if reason is not None:
            raise MaskwrightError(f"Process {rank} of {len(reasons)} cannot take part: {reason}")


def _beside(run: ActiveRun, monitor: TrainingMonitor) -> str:
    """What stands beside the loss: the trivial baselines, or the target that has none."""
    if run.module.features is not None:
        return f"of {run.module.model.target.traits.network} features"
    if isinstance(run.module.masker, ComponentMasker):
        level = mean_picture_loss(
            run.module, run.module.masker, run.pictures, run.settings.train.seed
        )
        run.folder.update_status(baselines={"mean_picture": round(level, 6)})
        return f"mean picture {level:.3f}"
    return format_baselines(run.settings, run.folder, monitor.baselines(run.module))


def format_baselines(
    settings: PretrainSettings, folder: RunFolder, baselines: TrivialBaselines
) -> str:
    """Put the trivial baselines on record; returns them in the words that stand beside the loss."""
    folder.update_status(baselines=baselines.to_dict())
    # Where the loss is another, the numbers beside it are still mean squared errors.
    unit = "" if settings.train.loss.strip() == "mse" else "mse of "
    return f"{unit}patch mean {baselines.patch_mean:.3f}, bilinear {baselines.bilinear:.3f}"
