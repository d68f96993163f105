"""Training a classifier from an encoder and measuring it once, with or without a run folder."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maskwright.data.loader import ResumableLoader
from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.classify import answer_all
from maskwright.models.classifier import Classifier
from maskwright.patches import PixelScale
from maskwright.support.environment import keep_freed_memory
from maskwright.support.reporting import Reporter
from maskwright.training.clock import set_clock
from maskwright.training.epoch_tasks import EpochTask
from maskwright.training.finetune import Averaging, FinetuneModule
from maskwright.training.recorder import Row
from maskwright.training.trainer import Machine
from maskwright.weights.checkpoint import LoadedEncoder, describe_model
from maskwright.workflows.finetuning.data import (
    FinetuneData,
    build_classifier,
    build_finetune_loader,
    build_step_settings,
)
from maskwright.workflows.finetuning.report import best_classifier, report_answers
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.run_log import RunLog
from maskwright.workflows.runs.train_loop import TrainLoop, load_finished, run_train_loop


def measure_finetune(
    loaded: LoadedEncoder,
    data: FinetuneData,
    test: PackedStore,
    reporter: Reporter,
    *,
    from_scratch: bool = False,
) -> dict[str, Any]:
    """Train a classifier and answer the test pictures once; returns numbers, ready for JSON.

    test: the numbers of its labels mean the same classes as those of the data; a label that the
        data lacks counts as wrong.
    from_scratch: begin from random weights of the encoder's shape.

    Nothing is kept on disk. Raises KeyboardInterrupt when somebody asks to stop: without an end
    there are no numbers.
    """
    model = build_classifier(loaded, data, from_scratch)
    run = build_finetune_run(data, model, loaded.scale, {})
    with tempfile.TemporaryDirectory(prefix="maskwright-finetune-") as path:
        # Neither trackers nor curves: nothing of this folder stays.
        run_log = RunLog(RunFolder(path), [])
        if not fit_classifier(run, run_log, reporter, resume=False):
            # What asks for the numbers has to end too. An error would count as a failure of the
            # encoder, and a study would go on with its next trial.
            raise KeyboardInterrupt
        # Before the folder goes: the best epoch is read from it.
        best = best_classifier(data, run.module, run_log.folder)
    return report_answers(data, best, loaded.scale, test, from_scratch)


@dataclass(frozen=True)
class FinetuneRun:
    """A classifier that can be trained.

    data: what decides the training.
    module: what trains.
    loader: its batches.
    """

    data: FinetuneData
    module: FinetuneModule
    loader: ResumableLoader


def build_finetune_run(
    data: FinetuneData, model: Classifier, scale: PixelScale, described: dict[str, Any]
) -> FinetuneRun:
    """Batches, clock and module.

    described: plain values stored in every checkpoint, beside the names of the classes.
    """
    if data.device.type == "cpu":
        keep_freed_memory()
    settings = data.settings
    loader = build_finetune_loader(data, model, scale)
    clock = set_clock(len(loader), minutes=settings.minutes, epochs=settings.epochs or 1)
    # Classes by name: a classifier without them answers in numbers.
    about = describe_model(model, scale, {**described, "classes": list(data.classes)})
    module = FinetuneModule(model, scale, build_step_settings(data), clock, about)
    return FinetuneRun(data, module, loader)


def fit_classifier(run: FinetuneRun, run_log: RunLog, reporter: Reporter, *, resume: bool) -> bool:
    """Train until the end or a request to stop; returns whether it came to its end."""
    # A run can be interrupted between its last step and the record of its end.
    if resume and load_finished(run_log.folder, run.module):
        return True
    loop = _train_loop(run.data, run.module.scale)
    result = run_train_loop(run.module, run.loader, run_log, loop, reporter, resume=resume)
    return not result.stop_requested or run.module.clock.is_over(result.step)


def _train_loop(data: FinetuneData, scale: PixelScale) -> TrainLoop:
    return TrainLoop(
        label="finetune",
        # The cross entropy of a classifier that gives all classes the same chance.
        beside=f"guessing {math.log(len(data.classes)):.2f}",
        machine=Machine(device=data.device, precision=data.precision),
        epochs=data.settings.epochs,
        tasks=_held_out_tasks(data, scale),
        save_minutes=data.settings.save_minutes,
        best="held_out_top1",
        kept_as="best",
        more_callbacks=[Averaging()],
    )


def _held_out_tasks(data: FinetuneData, scale: PixelScale) -> Sequence[EpochTask]:
    """Accuracy on what was held out, after every epoch."""
    if data.held is None:
        return ()
    held = data.held

    def measure(module: FinetuneModule, epoch: int) -> Row:
        # The averaged weights where there are any: they are what is kept.
        model = module.answering
        scores = answer_all(
            model.classify,
            eval_batches(held, model.config.image_size),
            scale=scale,
            device=module.device,
        )
        assert held.labels is not None
        # (n, K) scores against (n,) labels from 0
        return {"held_out_top1": float(scores.argmax(1).eq(held.labels).double().mean())}

    return (EpochTask("held out", 1, measure),)
