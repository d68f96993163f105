"""Linear probes by gradient descent: the official recipe of MAE, and a short one with Adam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, build_loader
from maskwright.evaluation.answers import Answers, judge_answers
from maskwright.evaluation.features import POOLINGS, Labeled
from maskwright.evaluation.gradient_probe import NormalizedLinear, Rate, descend, score, shuffled
from maskwright.evaluation.lars import Lars
from maskwright.support.checks import check_at_least, check_one_of
from maskwright.support.seeding import torch_generator
from maskwright.workflows.measuring.probe_context import ProbeContext

# The batch of He et al. (2022), for which their rate is meant.
OFFICIAL_BATCH = 16_384
# Fewer steps than this leave the probe short of where the published one ends.
FEW_STEPS = 2_000
# An encoder's pass takes at most so many pictures at once, whatever the batch of the optimizer.
MOST_ENCODED = 256
# Epoch -> batches of features (B, D) and class numbers (B,).
Batches = Callable[[int], Iterator[tuple[Tensor, Tensor]]]


@dataclass(frozen=True, kw_only=True)
class OfficialLinearProbe:
    """The linear probe of He et al. (2022): LARS on a frozen pass over augmented train pictures.

    It is here so that numbers can be held against published ones. On small sets it needs many
    epochs; `linear` is faster and nothing in it has to be tuned by hand.

    Formula: rate = base_lr * batch / 256, optimizer LARS
    Source: He et al. 2022 (MAE).

    epochs: passes over all of train; the last one is reported.
    batch: pictures per step, with which the rate base_lr * batch / 256 grows; 0 takes the published
        16,384. A set too small for ten such steps per epoch gets the largest power of two that
        gives ten, at the published rate: LARS moves weights by a fixed share per step, and a rate
        cut down with the batch would leave them where they began (measured in docs/log.md).
    base_lr: for 256 pictures.
    warmup: epochs.
    pooling: `cls` as published, `mean` where there is no class token.
    """

    epochs: int = 90
    batch: int = 0
    base_lr: float = 0.1
    warmup: int = 10
    pooling: str = "cls"
    needs_encoder: ClassVar[bool] = True
    looks_at: ClassVar[str] = "frozen features"
    task: ClassVar[str] = "classes"

    def __post_init__(self) -> None:
        check_one_of("pooling", self.pooling, POOLINGS)
        check_at_least("epochs", self.epochs, 1)
        check_at_least("batch", self.batch, 0)

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Train the head on augmented pictures, then answer the test pictures once."""
        train, subject = context.train, context.subject
        pooling = self.pooling if subject.has_class_token else "mean"
        # 0 stands for the published batch, or what is possible of it.
        batch = min(self.batch, len(train)) or usual_batch(len(train))
        steps = len(train) // batch

        # The published rate belongs to the published batch, also where fewer pictures are shown.
        peak = self.base_lr * (self.batch or OFFICIAL_BATCH) / 256
        rate = Rate(peak, min(self.warmup / self.epochs, 0.5))
        test = context.last_block.test.labeled(pooling)
        assert train.labels is not None
        labels = train.labels.unique()
        rng = torch_generator(subject.seed, "official probe")
        head = NormalizedLinear(test.values.shape[1], len(labels), rng).to(subject.device)
        batches = augmented(context, pooling, batch, labels, self.epochs)
        descend(head, Lars(head.parameters()), batches, rate, self.epochs, steps)
        context.reporter.finish()

        answers = _answer(head, test, labels, train.labels, context)
        return {
            "probe": "linear_official",
            **answers.to_dict(),
            "num_train": len(train),
            "protocol": self._protocol(pooling, batch, steps, rate),
            "notes": self._notes(pooling, batch, steps),
        }

    def _protocol(self, pooling: str, batch: int, steps: int, rate: Rate) -> dict[str, Any]:
        return asdict(self) | {
            "batch": batch,
            "rate": rate.peak,
            "steps": steps * self.epochs,
            "pooling": pooling,
            "optimizer": "LARS, momentum 0.9, trust 0.001 (weights only), no decay",
            "augmentation": "random resized crop (0.2 to 1) and flip; test: center crop",
            "reported": "last epoch",
        }

    def _notes(self, pooling: str, batch: int, steps: int) -> list[str]:
        """What makes this less than the published recipe."""
        notes = []
        if pooling != self.pooling:
            notes.append(
                "This encoder has no class token, so the official recipe saw the mean of the"
                " patches."
            )
        if not self.batch and batch < OFFICIAL_BATCH:
            notes.append(
                f"Too few pictures for {OFFICIAL_BATCH:,} per step: {batch:,} per step at the"
                " published rate."
            )
        if steps * self.epochs < FEW_STEPS:
            notes.append(
                f"The official recipe made {steps * self.epochs:,} steps instead of 7,000; read"
                " linear beside it."
            )
        return notes


def usual_batch(num_train: int) -> int:
    """The published batch where it gives ten steps per epoch, else a power of two that does."""
    # The largest power of two up to a tenth of the pictures, and at least 2 for batch norm.
    tenth = 1 << max(0, (num_train // 10).bit_length() - 1)
    return min(OFFICIAL_BATCH, max(2, tenth))


def augmented(
    context: ProbeContext, pooling: str, batch: int, labels: Tensor, epochs: int
) -> Batches:
    """Pooled features of freshly cropped and flipped train pictures, with class numbers."""
    subject = context.subject
    loader = build_loader(
        context.train,
        Augment(size=subject.image_size),
        LoaderSettings(
            batch_size=min(batch, MOST_ENCODED),
            seed=subject.seed,
            drop_last=False,
        ),
    )

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        loader.set_epoch(epoch)
        detail = f"{subject.name}, epoch {epoch + 1} of {epochs}"
        context.reporter.progress("linear_official", epoch, epochs, detail)
        ready: list[tuple[Tensor, Tensor]] = []
        for pictures in loader:
            # Features stay on the device, where the head is trained.
            pooled = subject.pool(subject.tokens(pictures.images)).pooled(pooling)
            classes = torch.searchsorted(labels, pictures.labels).to(subject.device)
            ready.append((pooled, classes))
            # Small passes of the encoder are joined until they fill a batch of the optimizer.
            features, numbers = (torch.cat(parts) for parts in zip(*ready, strict=True))
            while len(features) >= batch:
                yield features[:batch], numbers[:batch]
                features, numbers = features[batch:], numbers[batch:]
            ready = [(features, numbers)]

    return batches


@dataclass(frozen=True, kw_only=True)
class AdamLinearProbe:
    """Batch norm and a linear layer trained with Adam on cached features; nothing is tuned.

    Small MAE repositories do so with batches of 128.

    Formula: class = W batchnorm(z), optimizer Adam
    Source: common in small MAE repositories.

    epochs: passes over all of train; the last one is reported.
    batch: pictures per step.
    lr: the rate at the start, falling to 0 along a cosine.
    pooling: `mean`, `cls` or `both`; always `mean` for raw pixels.
    """

    epochs: int = 50
    batch: int = 128
    lr: float = 1e-3
    pooling: str = "mean"
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features"
    task: ClassVar[str] = "classes"

    def __post_init__(self) -> None:
        check_one_of("pooling", self.pooling, POOLINGS)
        check_at_least("epochs", self.epochs, 1)
        check_at_least("batch", self.batch, 2)

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Train the head on the features of train and answer the test pictures once."""
        subject, pair = context.subject, context.features
        pooling = subject.pick_pooling(self.pooling)
        train, test = pair.train.labeled(pooling), pair.test.labeled(pooling)
        labels, classes = train.labels.unique(return_inverse=True)
        batch = min(self.batch, len(train))

        rng = torch_generator(subject.seed, "adam probe")
        head = NormalizedLinear(train.values.shape[1], len(labels), rng).to(subject.device)
        # Labels become columns of the head, 0 to K - 1.
        numbered = Labeled(train.values, classes).to(subject.device)
        batches = shuffled(numbered, batch, subject.seed)
        optimizer = torch.optim.Adam(head.parameters())
        descend(head, optimizer, batches, Rate(self.lr), self.epochs, len(train) // batch)

        answers = _answer(head, test, labels, train.labels, context)
        protocol = asdict(self) | {
            "pooling": pooling,
            "batch": batch,
            "schedule": "cosine to 0",
            "reported": "last epoch",
        }
        return {
            "probe": "linear_adam",
            **answers.to_dict(),
            "num_train": len(train),
            "protocol": protocol,
            "notes": [],
        }


def _answer(
    head: NormalizedLinear,
    test: Labeled,
    labels: Tensor,
    train_labels: Tensor,
    context: ProbeContext,
) -> Answers:
    """Answer the test pictures once; labels (K,) name the columns of the head."""
    scores = score(head, test.values.to(context.subject.device))
    return judge_answers(scores, labels, test.labels, train_labels, context.subject.seed)
