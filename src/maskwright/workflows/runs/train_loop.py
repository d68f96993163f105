"""The course of a training in its run's folder: the same callbacks for every kind of module."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch

from maskwright.data.loader import ResumableLoader
from maskwright.support.reporting import Reporter
from maskwright.training.callback import Callback
from maskwright.training.checkpoints import Checkpoints
from maskwright.training.epoch_tasks import EpochTask, EpochTasks
from maskwright.training.recorder import Recorder, Row, RowSettings
from maskwright.training.stepped import SteppedModule
from maskwright.training.stop import StopSignals
from maskwright.training.trainer import Machine, Trainer
from maskwright.workflows.runs.position import read_position, restore_position
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.run_log import RunLog

# Rows of numbers in a training of known length, and the most steps between two of them.
ROWS = 200
MOST_STEPS_PER_ROW = 50
STEPS_PER_ROW_BY_MINUTES = 10


@dataclass(frozen=True, kw_only=True)
class TrainLoop:
    """How a module trains, and what is said, measured and kept meanwhile.

    label: what the training is called at the screen.
    beside: what the loss is compared with.
    machine: what it runs on.
    epochs: the length where it has one, for the screen.
    tasks: due at the end of epochs.
    save_minutes: between writes of last.ckpt inside an epoch.
    best, kept_as: see `EpochTasks`.
    keep: epochs whose checkpoints stay.
    more: gives further numbers at each row.
    average: decay of a moving average of the weights, 0 for none.
    more_callbacks: called before all others.
    """

    label: str
    beside: str
    machine: Machine
    epochs: float | None
    tasks: Sequence[EpochTask]
    save_minutes: float
    best: str = "knn_top1"
    kept_as: str = "best_knn"
    keep: Collection[int] = ()
    more: Callable[[], Row] = dict
    average: float = 0.0
    more_callbacks: Sequence[Callback] = ()


@dataclass(frozen=True)
class LoopResult:
    """How a training ended.

    stop_requested: whether somebody asked it to stop.
    step: the optimizer steps it has taken.
    """

    stop_requested: bool
    step: int


def run_train_loop(
    module: SteppedModule,
    loader: ResumableLoader,
    run_log: RunLog,
    loop: TrainLoop,
    reporter: Reporter,
    *,
    resume: bool,
) -> LoopResult:
    """Train until the module's clock is over or somebody asks to stop.

    resume: go on from the last checkpoint.
    """
    folder, clock = run_log.folder, module.clock
    signals = StopSignals()

    def wants_stop() -> bool:
        return signals.asked() or run_log.wants_stop

    checkpoints = Checkpoints(folder.checkpoints, loop.keep, 60 * loop.save_minutes, wants_stop)
    last_epoch = _last_epoch(clock.total_steps, len(loader), loop.machine.accumulate)
    tasks = EpochTasks(loop.tasks, run_log.emit, checkpoints, last_epoch, loop.best, loop.kept_as)
    recorder = _build_recorder(loop, run_log, reporter, clock.total_steps)
    # The order matters: averages move before anything is written or measured, and rows and
    # measurements come before the checkpoint that counts them as done.
    callbacks = [*loop.more_callbacks, recorder, tasks, checkpoints, signals]
    trainer = Trainer(loop.machine, callbacks, loop.average)
    # Pictures and rows go on where the checkpoint was written.
    if resume:
        restore_position(folder, loader, cut_rows=loop.machine.group.is_first)
    clock.start()
    trainer.fit(module, loader, folder.last if resume else None)
    return LoopResult(checkpoints.stop_requested, trainer.global_step)


def _build_recorder(
    loop: TrainLoop, run_log: RunLog, reporter: Reporter, total_steps: int | None
) -> Recorder:
    every = STEPS_PER_ROW_BY_MINUTES
    if total_steps is not None:
        every = max(1, min(MOST_STEPS_PER_ROW, total_steps // ROWS))
    settings = RowSettings(
        every=every, beside=loop.beside, epochs=loop.epochs, label=loop.label, more=loop.more
    )
    return Recorder(run_log.emit, reporter, settings)


def load_finished(folder: RunFolder, module: SteppedModule) -> bool:
    """Whether the last checkpoint is of the end of a training whose end is not on record.

    The module then is as it ended.
    """
    total_steps = module.clock.total_steps
    if total_steps is None or read_position(folder)["step"] < total_steps:
        return False
    # Nothing is trained: the weights and counts of the end are all that is needed.
    checkpoint = torch.load(folder.last, map_location="cpu", weights_only=True)
    module.load_state_dict(checkpoint["state_dict"])
    module.on_load_checkpoint(checkpoint)
    return True


def _last_epoch(total_steps: int | None, batches: int, accumulate: int) -> int | None:
    """The epoch in which a training of that many steps ends; None where minutes decide."""
    if total_steps is None:
        return None
    steps_per_epoch = max(1, math.ceil(batches / accumulate))
    return math.ceil(total_steps / steps_per_epoch)
