"""Training a classifier from an encoder and measuring it once, in the folder of a run or in none."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from maskwright.data.loader import ResumableLoader, build_loader, pick_workers
from maskwright.data.packed import PackedStore
from maskwright.data.strong import StrongChanges
from maskwright.data.transforms import Augment
from maskwright.evaluation.answers import judge_answers
from maskwright.evaluation.classify import accuracy_by_class, answer_all
from maskwright.evaluation.linear_probe import hold_out
from maskwright.models.classifier import Classifier
from maskwright.patches import PixelScale
from maskwright.support.environment import cpu_count, keep_freed_memory, pick_precision
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.training.checkpoints import Checkpoints
from maskwright.training.clock import Clock, count_steps
from maskwright.training.epoch_tasks import EpochTask, EpochTasks
from maskwright.training.finetune import Averaging, FinetuneModule, FinetuneRecipe
from maskwright.training.recorder import Recorder, Row
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.stop import StopSignals
from maskwright.training.trainer import build_trainer, quiet_lightning
from maskwright.weights.checkpoint import LoadedEncoder, describe_model
from maskwright.weights.opening import load_encoder
from maskwright.workflows.batches import go_back
from maskwright.workflows.finetune_settings import FinetuneSettings
from maskwright.workflows.fit import recall_end
from maskwright.workflows.journal import Journal
from maskwright.workflows.loading import eval_batches
from maskwright.workflows.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Everything that decides a training: complete settings, pictures with labels from 0, what was held out of them, seed and device."""

    settings: FinetuneSettings
    train: PackedStore
    held: PackedStore | None
    classes: tuple[str, ...]
    seed: int
    device: torch.device

    @property
    def precision(self) -> str:
        return self.settings.precision or pick_precision(self.device)


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
        module, finished = fit_classifier(lesson, model, loaded.scale, RunFolder(place), {}, reporter, resume=False)
        if not finished:
            raise MaskwrightError("Stopped while fine-tuning; there are no numbers.")
        chosen = chosen_model(lesson, module, RunFolder(place))
    return report_answers(lesson, numbers, chosen, loaded, test, from_scratch)


def build_lesson(train: PackedStore, settings: FinetuneSettings, seed: int, device: torch.device) -> tuple[Lesson, Tensor]:
    """Choose what was left open, number the classes from 0, and hold a part out where the best epoch is asked for.

    Also returns the (K,) label that each class has in the stores. Raises MaskwrightError for fewer than two classes.
    """
    if train.labels is None:
        raise MaskwrightError("Fine-tuning needs labels and these pictures have none; use a folder with one sub-folder per class.")
    present = train.labels.unique()
    if len(present) < 2:
        raise MaskwrightError(f"Fine-tuning needs at least two classes in train; got {len(present)}.")
    named = train.classes is not None and int(present.max()) < len(train.classes)
    numbers = torch.arange(len(train.classes or ())) if named else present
    classes = tuple(train.classes or ()) if named else tuple(map(str, present.tolist()))
    store = dataclasses.replace(train, labels=torch.searchsorted(numbers, train.labels))
    held = None
    if settings.choose == "held_out":
        is_held = hold_out(store.labels, settings.held_out, seed)  # type: ignore[arg-type]
        if not is_held.any():
            raise MaskwrightError("choose=held_out needs a class with at least two pictures; use choose=last.")
        store, held = store.subset((~is_held).nonzero()[:, 0]), store.subset(is_held.nonzero()[:, 0])
    return Lesson(settings=settings.fitted(len(store)), train=store, held=held, classes=classes, seed=seed, device=device), numbers


def build_classifier(loaded: LoadedEncoder, lesson: Lesson, from_scratch: bool) -> Classifier:
    """A classifier with a fresh head on a copy of an encoder, or on random weights of the same shape."""
    pooling = lesson.settings.pooling
    model = Classifier(loaded.model.config, len(lesson.classes), pooling, torch_generator(lesson.seed, "classifier"))
    if not from_scratch:
        known = model.encoder.state_dict()
        model.encoder.load_state_dict({name: value for name, value in loaded.model.encoder.state_dict().items() if name in known})
    return model


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
    """Run Lightning; returns the module and whether it came to its end."""
    if lesson.device.type == "cpu":
        keep_freed_memory()
    settings = lesson.settings
    loader = _build_loader(lesson, model, scale)
    clock = Clock(None, settings.minutes) if settings.minutes is not None else Clock(count_steps(settings.epochs or 1, len(loader), 1))
    about = describe_model(model, scale, {**described, "classes": list(lesson.classes)})
    module = FinetuneModule(model, scale, _build_recipe(lesson), clock, about)
    if resume and recall_end(folder, module, clock):
        return module, True
    journal = Journal(folder, [])
    signals = StopSignals()
    last_epoch = None if clock.total_steps is None else math.ceil(clock.total_steps / len(loader))
    every = 10 if clock.total_steps is None else max(1, min(50, clock.total_steps // 200))
    guess = f"guessing {math.log(len(lesson.classes)):.2f}"
    with quiet_lightning():
        checkpoints = Checkpoints(folder.checkpoints, (), 60 * settings.save_minutes, signals.asked)
        trainer = build_trainer(
            folder=folder.path,
            device=lesson.device,
            devices=1,
            nodes=1,
            strategy="auto",
            precision=lesson.precision,
            accumulate=1,
            callbacks=[
                Averaging(),
                Recorder(journal.emit, reporter, every, guess, settings.epochs, "finetune"),
                EpochTasks(_watch(lesson, scale), journal.emit, checkpoints, last_epoch, "held_out_top1", "best"),
                checkpoints,
                signals,
            ],
        )
        if resume:
            go_back(folder, loader)
        clock.start()
        trainer.fit(module, train_dataloaders=loader, ckpt_path=str(folder.last) if resume else None, weights_only=True)
    return module, not checkpoints.asked or clock.is_over(trainer.global_step)


def chosen_model(lesson: Lesson, module: FinetuneModule, folder: RunFolder) -> Classifier:
    """The classifier to measure and keep: of the last epoch, or of the best on held-out pictures."""
    if lesson.held is None:
        return module.answering
    model = load_encoder(folder.checkpoints / "best.ckpt").model
    assert isinstance(model, Classifier)
    return model


def report_answers(
    lesson: Lesson, numbers: Tensor, model: Classifier, loaded: LoadedEncoder, test: PackedStore, from_scratch: bool
) -> dict[str, Any]:
    """Answer the test pictures once; numbers with intervals, per class, and everything that decided them."""
    if test.labels is None:
        raise MaskwrightError("The test pictures have no labels; name a labeled split with --test-split.")
    assert lesson.train.labels is not None
    scores = answer_all(
        model.to(lesson.device).classify,
        eval_batches(test, model.config.image_size),
        scale=loaded.scale,
        device=lesson.device,
        precision=torch.bfloat16 if lesson.precision == "bf16-mixed" else torch.float32,
    )
    model.cpu()
    answers = judge_answers(scores, numbers, test.labels, numbers[lesson.train.labels], lesson.seed)
    known = torch.isin(test.labels, numbers)
    truth = torch.searchsorted(numbers, test.labels[known])
    return {
        "probe": "finetune",
        **answers.to_dict(),
        "by_class": accuracy_by_class(answers.correct[known], truth, lesson.classes),
        "correct": "".join("1" if right else "0" for right in answers.correct.tolist()),
        "num_train": len(lesson.train),
        "num_held_out": 0 if lesson.held is None else len(lesson.held),
        "from": "random weights" if from_scratch else "encoder",
        "seed": lesson.seed,
        "protocol": {**lesson.settings.to_dict(), "precision": lesson.precision, "measured": _spell_choice(lesson)},
    }


def _spell_choice(lesson: Lesson) -> str:
    average = ", averaged weights" if lesson.settings.ema else ""
    return ("last epoch" if lesson.held is None else "best epoch on held-out train") + average + ", test answered once"


def _watch(lesson: Lesson, scale: PixelScale) -> Sequence[EpochTask]:
    """Accuracy on what was held out, after every epoch."""
    if lesson.held is None:
        return ()
    held = lesson.held

    def look(module: FinetuneModule, epoch: int) -> Row:
        model = module.answering
        scores = answer_all(model.classify, eval_batches(held, model.config.image_size), scale=scale, device=module.device)
        return {"held_out_top1": float((scores.argmax(1) == held.labels).double().mean())}

    return (EpochTask("held out", 1, look),)


def _build_loader(lesson: Lesson, model: Classifier, scale: PixelScale) -> ResumableLoader:
    settings, size = lesson.settings, model.config.image_size
    augment = Augment(size=size, crop="random", scale=(settings.crop_scale, 1.0), flip=settings.flip)
    strong = StrongChanges(rand_augment=settings.rand_augment, erase=settings.erase, scale=scale, size=size, seed=lesson.seed)
    return build_loader(
        lesson.train,
        augment,
        batch_size=settings.batch_size or 2,
        seed=lesson.seed,
        workers=settings.workers if settings.workers is not None else pick_workers(lesson.device.type, cpu_count()),
        pin=lesson.device.type == "cuda",
        stronger=strong,
    )


def _build_recipe(lesson: Lesson) -> FinetuneRecipe:
    chosen = lesson.settings
    return FinetuneRecipe(
        seed=lesson.seed,
        rate=LearningRate(chosen.lr or 0.0, min(chosen.min_lr, chosen.lr or 0.0), chosen.warmup),
        weight_decay=chosen.weight_decay,
        layer_decay=chosen.layer_decay,
        drop_path=chosen.drop_path,
        mixup=chosen.mixup,
        cutmix=chosen.cutmix,
        mix_prob=chosen.mix_prob,
        smoothing=chosen.smoothing,
        clip=chosen.clip,
        ema=chosen.ema,
    )
