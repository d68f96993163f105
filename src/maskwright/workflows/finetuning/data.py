"""What a classifier learns from: numbered labels, held-out pictures, the model, its batches."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.data.augment.strong import StrongChanges
from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, ResumableLoader, build_loader, pick_workers
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.stratified import hold_out_of_each_class
from maskwright.models.classifier import Classifier
from maskwright.models.config import ModelConfig
from maskwright.patches import PixelScale
from maskwright.support.environment import pick_precision
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.training.finetune import FinetuneStepSettings
from maskwright.training.schedule_lr import LearningRate
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.loading.labeled import Labeled, find_labeled
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.settings.finetune_settings import FinetuneSettings


@dataclass(frozen=True, kw_only=True)
class FinetuneData:
    """Everything that decides a training.

    settings: complete.
    train: pictures with labels from 0.
    held: what was held out of them to choose the epoch.
    classes: the names of the K labels.
    label_numbers: (K,) the label that each class has in the stores as they came, rising.
    seed: of the head, the batches and the steps.
    device: where it is trained.
    """

    settings: FinetuneSettings
    train: PackedStore
    held: PackedStore | None
    classes: tuple[str, ...]
    label_numbers: Tensor
    seed: int
    device: torch.device

    @property
    def precision(self) -> str:
        """Of the arithmetic, as --precision names it."""
        return self.settings.precision or pick_precision(self.device)


def open_pictures(settings: LabeledSettings, config: ModelConfig, reporter: Reporter) -> Labeled:
    """Find and decode what to learn from and what to test on.

    Raises MaskwrightError for test classes that train does not have.
    """
    labeled = find_labeled(settings, config, reporter)
    # Held-out parts of a whole have no names and share their classes.
    train, test = labeled.splits or ("", "")
    unknown, absent = labeled.unknown, labeled.absent
    # A classifier could never give these answers, so the numbers would mean little.
    if unknown:
        raise MaskwrightError(
            f"The split '{test}' of '{settings.data}' has {len(unknown)} classes that '{train}'"
            f" does not have, for example '{unknown[0]}'; are class folders missing in '{train}'?"
        )
    if absent:
        reporter.warn(
            f"The split '{test}' of '{settings.data}' has no pictures of {len(absent)} classes,"
            f" for example '{absent[0]}'."
        )
    return labeled


def build_finetune_data(
    train: PackedStore, settings: FinetuneSettings, seed: int, device: torch.device
) -> FinetuneData:
    """Choose what was left open, number the classes from 0, and hold a part out if asked for.

    Raises MaskwrightError for fewer than two classes.
    """
    if train.labels is None:
        raise MaskwrightError(
            "Fine-tuning needs labels and these pictures have none; use a folder with one"
            " sub-folder per class."
        )
    # Labels that at least one picture has.
    present = train.labels.unique()
    if len(present) < 2:
        raise MaskwrightError(
            f"Fine-tuning needs at least two classes in train; got {len(present)}."
        )

    # Named classes all get an answer, also those that train has no picture of; numbers without
    # names are counted from 0 as they come.
    is_named = train.classes is not None and int(present.max()) < len(train.classes)
    classes = tuple(train.classes or ()) if is_named else tuple(map(str, present.tolist()))
    label_numbers = torch.arange(len(classes)) if is_named else present
    store = dataclasses.replace(train, labels=torch.searchsorted(label_numbers, train.labels))
    held = None
    if settings.choose == "held_out":
        store, held = _hold_out(store, settings, seed)
    return FinetuneData(
        settings=settings.fitted(len(store)),
        train=store,
        held=held,
        classes=classes,
        label_numbers=label_numbers,
        seed=seed,
        device=device,
    )


def _hold_out(
    store: PackedStore, settings: FinetuneSettings, seed: int
) -> tuple[PackedStore, PackedStore]:
    """What is trained on, and the part of each class that chooses the epoch."""
    assert store.labels is not None
    is_held = hold_out_of_each_class(store.labels, settings.held_out, seed)  # (n,)
    if not is_held.any():
        raise MaskwrightError(
            "choose=held_out needs a class with at least two pictures; use choose=last."
        )
    train = store.subset((~is_held).nonzero()[:, 0])
    return train, store.subset(is_held.nonzero()[:, 0])


def build_classifier(loaded: LoadedEncoder, data: FinetuneData, from_scratch: bool) -> Classifier:
    """A classifier with a fresh head.

    from_scratch: on random weights of the encoder's shape, not on a copy of it.
    """
    rng = torch_generator(data.seed, "classifier")
    model = Classifier(loaded.model.config, len(data.classes), data.settings.pooling, rng)
    if from_scratch:
        return model
    # The encoder may have a last norm that this pooling has no use for.
    known = model.encoder.state_dict()
    weights = loaded.model.encoder.state_dict()
    fitting = {name: value for name, value in weights.items() if name in known}
    model.encoder.load_state_dict(fitting)
    return model


def build_finetune_loader(
    data: FinetuneData, model: Classifier, scale: PixelScale
) -> ResumableLoader:
    """Batches of strongly changed pictures, in an order of their own each epoch."""
    settings, size = data.settings, model.config.image_size
    # Random crops as in pretraining; strong changes come on top.
    augment = Augment(
        size=size, crop="random", scale=(settings.crop_scale, 1.0), flip=settings.flip
    )
    strong = StrongChanges(
        rand_augment=settings.rand_augment,
        erase=settings.erase,
        scale=scale,
        size=size,
        seed=data.seed,
    )
    return build_loader(
        data.train,
        augment,
        LoaderSettings(
            batch_size=settings.batch_size or 2,
            seed=data.seed,
            workers=pick_workers(data.device.type, asked=settings.workers),
            pin=data.device.type == "cuda",
            stronger=strong,
        ),
    )


def build_step_settings(data: FinetuneData) -> FinetuneStepSettings:
    """The numbers that a training step needs."""
    settings = data.settings
    peak = settings.lr or 0.0
    return FinetuneStepSettings(
        seed=data.seed,
        # A peak below the usual minimum is a person's wish: the rate then stays there.
        rate=LearningRate(peak, min(settings.min_lr, peak), settings.warmup),
        weight_decay=settings.weight_decay,
        layer_decay=settings.layer_decay,
        drop_path=settings.drop_path,
        mixup=settings.mixup,
        cutmix=settings.cutmix,
        mix_prob=settings.mix_prob,
        smoothing=settings.smoothing,
        clip=settings.clip,
        ema=settings.ema,
    )
