"""Training a classifier from an encoder and measuring it once, in the folder of a run or in none."""

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
    Lesson,
    build_classifier,
    build_lesson,
    build_lesson_loader,
    build_recipe,
)
from maskwright.workflows.finetuning.report import chosen_model, report_answers
from maskwright.workflows.loading.pictures import eval_batches
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.run_log import Journal
from maskwright.workflows.settings.finetune_settings import FinetuneSettings
from maskwright.workflows.training.train_loop import Course, recall_end, run_course


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
    """Train a classifier from an encoder, or from random weights of its shape, and answer the test pictures once.

    The numbers of the two stores' labels mean the same classes; a test label that train lacks counts as wrong. Nothing is kept on disk
    but what is returned, ready for JSON. Raises MaskwrightError without labels, with one class, and when somebody asks to stop.
    """
    lesson, numbers = build_lesson(train, settings or FinetuneSettings(), seed, device)
    model = build_classifier(loaded, lesson, from_scratch)
    with tempfile.TemporaryDirectory(prefix="maskwright-finetune-") as place:
        module, finished = fit_classifier(
            lesson, model, loaded.scale, RunFolder(place), {}, reporter, resume=False
        )
        if not finished:
            raise MaskwrightError("Stopped while fine-tuning; there are no numbers.")
        chosen = chosen_model(lesson, module, RunFolder(place))
    return report_answers(lesson, numbers, chosen, loaded, test, from_scratch)


def fit_classifier(
    lesson: Lesson,
    model: Classifier,
    scale: PixelScale,
    folder: RunFolder,
    described: dict[str, Any],
    reporter: Reporter,
    *,
    resume: bool,
) -> tuple[FinetuneModule, bool]:
    """Train until the end or a request to stop; returns the module and whether it came to its end."""
    if lesson.device.type == "cpu":
        keep_freed_memory()
    settings = lesson.settings
    loader = build_lesson_loader(lesson, model, scale)
    clock = set_clock(len(loader), minutes=settings.minutes, epochs=settings.epochs or 1)
    about = describe_model(model, scale, {**described, "classes": list(lesson.classes)})
    module = FinetuneModule(model, scale, build_recipe(lesson), clock, about)
    if resume and recall_end(folder, module):
        return module, True
    machine = Machine(device=lesson.device, precision=lesson.precision)
    ended = run_course(
        module,
        loader,
        Journal(folder, []),
        machine,
        _course(lesson, scale),
        reporter,
        resume=resume,
    )
    return module, not ended.asked or clock.is_over(ended.step)


def _course(lesson: Lesson, scale: PixelScale) -> Course:
    return Course(
        label="finetune",
        beside=f"guessing {math.log(len(lesson.classes)):.2f}",
        epochs=lesson.settings.epochs,
        tasks=_watch(lesson, scale),
        save_minutes=lesson.settings.save_minutes,
        best="held_out_top1",
        kept_as="best",
        averaging=[Averaging()],
    )


def _watch(lesson: Lesson, scale: PixelScale) -> Sequence[EpochTask]:
    """Accuracy on what was held out, after every epoch."""
    if lesson.held is None:
        return ()
    held = lesson.held

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
