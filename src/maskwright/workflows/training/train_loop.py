"""The course of a training in its run's folder: the same callbacks for every kind of module,
resumed where it was stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from maskwright.data.loader import ResumableLoader
from maskwright.support.reporting import Reporter
from maskwright.training.checkpoints import Checkpoints
from maskwright.training.epoch_tasks import EpochTask, EpochTasks
from maskwright.training.recorder import Recorder, Row
from maskwright.training.stepped import SteppedModule
from maskwright.training.stop import StopSignals
from maskwright.training.trainer import Machine, build_trainer, quiet_lightning
from maskwright.workflows.loading.batches import read_position, restore_position
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.run_log import RunLog


@dataclass(frozen=True, kw_only=True)
class TrainLoop:
    """What is said, looked at and kept while a module trains.

    label: what the training is called at the screen.
    beside: what the loss is compared with.
    epochs: the length where it has one, for the screen.
    tasks: due at the end of epochs.
    best, kept_as: see `EpochTasks`.
    keep: epochs whose checkpoints stay.
    save_minutes: between writes of last.ckpt inside an epoch.
    more: asked for further numbers at each row.
    averaging: callbacks that average weights.
    """

    label: str
    beside: str
    epochs: float | None
    tasks: Sequence[EpochTask]
    save_minutes: float
    best: str = "knn_top1"
    kept_as: str = "best_knn"
    keep: Collection[int] = ()
    more: Callable[[], Row] = dict
    averaging: Sequence[Any] = ()


@dataclass(frozen=True)
class LoopResult:
    """How a training ended: whether somebody asked it to stop, and the optimizer steps it has
    taken.
    """

    asked: bool
    step: int


def run_train_loop(
    module: SteppedModule,
    loader: ResumableLoader,
    run_log: RunLog,
    machine: Machine,
    loop: TrainLoop,
    reporter: Reporter,
    *,
    resume: bool,
) -> LoopResult:
    """Train by Lightning until the module's clock is over or somebody asks to stop; resume: from
    the last checkpoint.
    """
    folder, clock = run_log.folder, module.clock
    signals = StopSignals()
    with quiet_lightning():
        checkpoints = Checkpoints(
            folder.checkpoints,
            loop.keep,
            60 * loop.save_minutes,
            lambda: signals.asked() or run_log.wants_stop,
        )
        every = 10 if clock.total_steps is None else max(1, min(50, clock.total_steps // 200))
        recorder = Recorder(
            run_log.emit, reporter, every, loop.beside, loop.epochs, loop.label, loop.more
        )
        last_epoch = _last_epoch(clock.total_steps, len(loader), machine.accumulate)
        tasks = EpochTasks(
            loop.tasks, run_log.emit, checkpoints, last_epoch, loop.best, loop.kept_as
        )
        trainer = build_trainer(
            folder.path, machine, [*loop.averaging, recorder, tasks, checkpoints, signals]
        )
        if resume:
            restore_position(folder, loader)
        clock.start()
        trainer.fit(
            module,
            train_dataloaders=loader,
            ckpt_path=str(folder.last) if resume else None,
            weights_only=True,
        )
    return LoopResult(checkpoints.asked, trainer.global_step)


def load_finished(folder: RunFolder, module: SteppedModule) -> bool:
    """Whether the last checkpoint is of the end of the training, which was not put on record; the
    module then is as it ended.
    """
    if module.clock.total_steps is None or read_position(folder)["step"] < module.clock.total_steps:
        return False
    checkpoint = torch.load(folder.last, map_location="cpu", weights_only=True)
    module.load_state_dict(checkpoint["state_dict"])
    module.on_load_checkpoint(checkpoint)
    return True


def _last_epoch(total_steps: int | None, batches: int, accumulate: int) -> int | None:
    """The epoch in which a training of that many steps ends; None where minutes decide."""
    return (
        None
        if total_steps is None
        else math.ceil(total_steps / max(1, math.ceil(batches / accumulate)))
    )
