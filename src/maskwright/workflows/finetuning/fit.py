"""Training a classifier from an encoder and measuring it once, in the folder of a run
or in none.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from typing import Any

import torch

from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.classify import answer_all
from maskwright.models.classifier import Classifier
from maskwright.patches import PixelScale
from maskwright.support.environment import keep_freed_memory
from maskwright.support.errors import MaskwrightError
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
    build_finetune_data,
    build_finetune_loader,
    build_recipe,
)
from maskwright.workflows.finetuning.report import chosen_model, report_answers
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.run_log import RunLog
from maskwright.workflows.settings.finetune_settings import FinetuneSettings
from maskwright.workflows.training.train_loop import TrainLoop, load_finished, run_train_loop


def measure_finetune(
    loaded: LoadedEncoder,
    train: PackedStore,
    test: PackedStore,
    settings: FinetuneSettings | None = None,
    *,
    seed: int,
    device: torch.device,
    reporter: Reporter,
    from_scratch: bool = False,
) -> dict[str, Any]:
    """Train a classifier from an encoder, or from random weights of its shape, and answer the test
    pictures once.

    The numbers of the two stores' labels mean the same classes; a test label that train lacks
    counts as wrong. Nothing is kept on disk but what is returned, ready for JSON. Raises
    MaskwrightError without labels, with one class, and when somebody asks to stop.
    """
    finetune_data, numbers = build_finetune_data(
        train, settings or FinetuneSettings(), seed, device
    )
    model = build_classifier(loaded, finetune_data, from_scratch)
    with tempfile.TemporaryDirectory(prefix="maskwright-finetune-") as place:
        module, finished = fit_classifier(
            finetune_data, model, loaded.scale, RunFolder(place), {}, reporter, resume=False
        )
        if not finished:
            raise MaskwrightError("Stopped while fine-tuning; there are no numbers.")
        chosen = chosen_model(finetune_data, module, RunFolder(place))
    return report_answers(finetune_data, numbers, chosen, loaded, test, from_scratch)


def fit_classifier(
    finetune_data: FinetuneData,
    model: Classifier,
    scale: PixelScale,
    folder: RunFolder,
    described: dict[str, Any],
    reporter: Reporter,
    *,
    resume: bool,
) -> tuple[FinetuneModule, bool]:
    """Train until the end or a request to stop; returns the module and whether it came
    to its end.
    """
    if finetune_data.device.type == "cpu":
        keep_freed_memory()
    settings = finetune_data.settings
    loader = build_finetune_loader(finetune_data, model, scale)
    clock = set_clock(len(loader), minutes=settings.minutes, epochs=settings.epochs or 1)
    about = describe_model(model, scale, {**described, "classes": list(finetune_data.classes)})
    module = FinetuneModule(model, scale, build_recipe(finetune_data), clock, about)
    if resume and load_finished(folder, module):
        return module, True
    machine = Machine(device=finetune_data.device, precision=finetune_data.precision)
    ended = run_train_loop(
        module,
        loader,
        RunLog(folder, []),
        machine,
        _train_loop(finetune_data, scale),
        reporter,
        resume=resume,
    )
    return module, not ended.asked or clock.is_over(ended.step)


def _train_loop(finetune_data: FinetuneData, scale: PixelScale) -> TrainLoop:
    return TrainLoop(
        label="finetune",
        beside=f"guessing {math.log(len(finetune_data.classes)):.2f}",
        epochs=finetune_data.settings.epochs,
        tasks=_watch(finetune_data, scale),
        save_minutes=finetune_data.settings.save_minutes,
        best="held_out_top1",
        kept_as="best",
        averaging=[Averaging()],
    )


def _watch(finetune_data: FinetuneData, scale: PixelScale) -> Sequence[EpochTask]:
    """Accuracy on what was held out, after every epoch."""
    if finetune_data.held is None:
        return ()
    held = finetune_data.held

    def look(module: FinetuneModule, epoch: int) -> Row:
        model = module.answering
        scores = answer_all(
            model.classify,
            eval_batches(held, model.config.image_size),
            scale=scale,
            device=module.device,
        )
        assert held.labels is not None
        return {"held_out_top1": float(scores.argmax(1).eq(held.labels).double().mean())}

    return (EpochTask("held out", 1, look),)
