"""What a classifier learns from: labels numbered from 0, pictures held out, the model that begins,
batches and numbers of the steps.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.data.augment.strong import StrongChanges
from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, ResumableLoader, build_loader, pick_workers
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import hold_out_of_each_class
from maskwright.models.classifier import Classifier
from maskwright.models.config import ModelConfig
from maskwright.patches import PixelScale
from maskwright.support.environment import cpu_count, pick_precision
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.training.finetune import FinetuneStepSettings
from maskwright.training.schedule_lr import LearningRate
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.loading.labeled import Labeled, LabeledSettings, find_labeled
from maskwright.workflows.settings.finetune_settings import FinetuneSettings


@dataclass(frozen=True, kw_only=True)
class FinetuneData:
    """Everything that decides a training: complete settings, pictures with labels from 0, what was
    held out of them, seed and device.
    """

    settings: FinetuneSettings
    train: PackedStore
    held: PackedStore | None
    classes: tuple[str, ...]
    seed: int
    device: torch.device

    @property
    def precision(self) -> str:
        return self.settings.precision or pick_precision(self.device)


def open_pictures(asked: LabeledSettings, config: ModelConfig, reporter: Reporter) -> Labeled:
    """Find and decode what to learn from and what to test on; raises MaskwrightError for test
    classes that train does not have.
    """
    found = find_labeled(asked, config, reporter)
    train, test = found.splits or ("", "")
    if found.unknown:
        raise MaskwrightError(
            f"The split '{test}' of '{asked.data}' has {len(found.unknown)} classes that '{train}'"
            f" does not have, for example '{found.unknown[0]}'; are class folders missing in"
            f" '{train}'?"
        )
    if found.absent:
        reporter.warn(
            f"The split '{test}' of '{asked.data}' has no pictures of {len(found.absent)} classes,"
            f" for example '{found.absent[0]}'."
        )
    return found


def build_finetune_data(
    train: PackedStore, settings: FinetuneSettings, seed: int, device: torch.device
) -> tuple[FinetuneData, Tensor]:
    """Choose what was left open, number the classes from 0, and hold a part out where the best
    epoch is asked for.

    Also returns the (K,) label that each class has in the stores. Raises MaskwrightError for fewer
    than two classes.
    """
    if train.labels is None:
        raise MaskwrightError(
            "Fine-tuning needs labels and these pictures have none; use a folder with one"
            " sub-folder per class."
        )
    present = train.labels.unique()
    if len(present) < 2:
        raise MaskwrightError(
            f"Fine-tuning needs at least two classes in train; got {len(present)}."
        )
    named = train.classes is not None and int(present.max()) < len(train.classes)
    numbers = torch.arange(len(train.classes or ())) if named else present
    classes = tuple(train.classes or ()) if named else tuple(map(str, present.tolist()))
    store = dataclasses.replace(train, labels=torch.searchsorted(numbers, train.labels))
    held = None
    if settings.choose == "held_out":
        is_held = hold_out_of_each_class(store.labels, settings.held_out, seed)  # type: ignore[arg-type]
        if not is_held.any():
            raise MaskwrightError(
                "choose=held_out needs a class with at least two pictures; use choose=last."
            )
        store, held = (
            store.subset((~is_held).nonzero()[:, 0]),
            store.subset(is_held.nonzero()[:, 0]),
        )
    return (
        FinetuneData(
            settings=settings.fitted(len(store)),
            train=store,
            held=held,
            classes=classes,
            seed=seed,
            device=device,
        ),
        numbers,
    )


def build_classifier(
    loaded: LoadedEncoder, finetune_data: FinetuneData, from_scratch: bool
) -> Classifier:
    """A classifier with a fresh head on a copy of an encoder, or on random weights of the same
    shape.
    """
    pooling = finetune_data.settings.pooling
    model = Classifier(
        loaded.model.config,
        len(finetune_data.classes),
        pooling,
        torch_generator(finetune_data.seed, "classifier"),
    )
    if not from_scratch:
        known = model.encoder.state_dict()
        model.encoder.load_state_dict(
            {
                name: value
                for name, value in loaded.model.encoder.state_dict().items()
                if name in known
            }
        )
    return model


def build_finetune_loader(
    finetune_data: FinetuneData, model: Classifier, scale: PixelScale
) -> ResumableLoader:
    """Batches of strongly changed pictures, in an order of their own each epoch."""
    settings, size = finetune_data.settings, model.config.image_size
    augment = Augment(
        size=size, crop="random", scale=(settings.crop_scale, 1.0), flip=settings.flip
    )
    strong = StrongChanges(
        rand_augment=settings.rand_augment,
        erase=settings.erase,
        scale=scale,
        size=size,
        seed=finetune_data.seed,
    )
    return build_loader(
        finetune_data.train,
        augment,
        LoaderSettings(
            batch_size=settings.batch_size or 2,
            seed=finetune_data.seed,
            workers=(
                settings.workers
                if settings.workers is not None
                else pick_workers(finetune_data.device.type, cpu_count())
            ),
            pin=finetune_data.device.type == "cuda",
            stronger=strong,
        ),
    )


def build_recipe(finetune_data: FinetuneData) -> FinetuneStepSettings:
    """The numbers that a training step needs."""
    chosen = finetune_data.settings
    return FinetuneStepSettings(
        seed=finetune_data.seed,
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
