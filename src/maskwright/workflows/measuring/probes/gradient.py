"""Linear probes by gradient descent: the official recipe of MAE with augmentation, and a short one
with Adam on cached features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, build_loader
from maskwright.evaluation.answers import judge_answers
from maskwright.evaluation.features import POOLINGS, Features, Labeled
from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.gradient_probe import NormalizedLinear, Rate, descend, score, shuffled
from maskwright.evaluation.lars import Lars
from maskwright.support.checks import check_at_least, check_one_of
from maskwright.support.seeding import torch_generator
from maskwright.workflows.measuring.bench import Bench

OFFICIAL_BATCH = 16_384
FEW_STEPS = 2_000


@dataclass(frozen=True, kw_only=True)
class OfficialLinearProbe:
    """The linear probe of He et al. (2022): LARS, augmentation, a frozen forward pass of all of
    train in every epoch, last epoch reported.

    batch: pictures per step, with which the rate base_lr * batch / 256 grows; 0 takes the published
        16,384. A set too small for ten such steps per epoch gets the largest power of two that
        gives ten, at the published rate: LARS moves weights by a fixed share per step, and a rate
        cut down with the batch would leave them where they began (measured in docs/log.md).
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

    def __post_init__(self) -> None:
        check_one_of("pooling", self.pooling, POOLINGS)
        check_at_least("epochs", self.epochs, 1)
        check_at_least("batch", self.batch, 0)

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Train the head on augmented pictures, then answer the test pictures once."""
        pooling = self.pooling if bench.has_class_token else "mean"
        batch = min(self.batch, len(bench.train)) or usual_batch(len(bench.train))
        steps = len(bench.train) // batch
        asked = bench.last_block.test.labeled(pooling)
        assert bench.train.labels is not None
        labels = bench.train.labels.unique()
        head = NormalizedLinear(
            asked.values.shape[1], len(labels), torch_generator(bench.seed, "official probe")
        ).to(bench.device)
        rate = Rate(
            self.base_lr * (self.batch or OFFICIAL_BATCH) / 256, min(self.warmup / self.epochs, 0.5)
        )
        descend(
            head,
            Lars(head.parameters()),
            augmented(bench, pooling, batch, labels, self.epochs),
            rate,
            self.epochs,
            steps,
        )
        bench.reporter.finish()
        answers = judge_answers(
            score(head, asked.values.to(bench.device)),
            labels,
            asked.labels,
            bench.train.labels,
            bench.seed,
        )
        protocol = asdict(self) | {
            "batch": batch,
            "rate": rate.peak,
            "steps": steps * self.epochs,
            "pooling": pooling,
            "optimizer": "LARS, momentum 0.9, trust 0.001 (weights only), no decay",
            "augmentation": "random resized crop (0.2 to 1) and flip; test: center crop",
            "reported": "last epoch",
        }
        return {
            "probe": "linear_official",
            **answers.to_dict(),
            "num_train": len(bench.train),
            "protocol": protocol,
            "notes": self._notes(pooling, batch, steps),
        }

    def _notes(self, pooling: str, batch: int, steps: int) -> list[str]:
        """What makes this less than the published recipe."""
        notes = (
            []
            if pooling == self.pooling
            else [
                "This encoder has no class token, so the official recipe saw the mean of the"
                " patches."
            ]
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
    """The published batch where it gives ten steps per epoch, else the largest power of two that
    does, at least 2.
    """
    return min(OFFICIAL_BATCH, max(2, 1 << max(0, (num_train // 10).bit_length() - 1)))


def augmented(bench: Bench, pooling: str, batch: int, labels: Tensor, epochs: int) -> Any:
    """Epoch -> batches of pooled features of freshly cropped and flipped train pictures, with class
    numbers.
    """
    encoder = bench.encoder
    config = encoder.model.config
    loader = build_loader(
        bench.train,
        Augment(size=bench.image_size),
        LoaderSettings(
            batch_size=min(batch, 256),
            seed=bench.seed,
            drop_last=False,
        ),
    )

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        loader.set_epoch(epoch)
        bench.reporter.progress(
            "linear_official", epoch, epochs, f"{bench.name}, epoch {epoch + 1} of {epochs}"
        )
        ready: list[tuple[Tensor, Tensor]] = []
        for some in loader:
            with held_still(encoder.model, bench.device, bench.precision):
                tokens = encoder.model.encode(
                    encoder.scale.to_model(some.images.to(bench.device))
                ).float()
            pooled = Features(
                tokens[:, 0] if config.class_token else None, tokens[:, config.num_prefix :].mean(1)
            ).pooled(pooling)
            ready.append((pooled, torch.searchsorted(labels, some.labels).to(bench.device)))
            values, classes = (torch.cat(parts) for parts in zip(*ready, strict=True))
            while len(values) >= batch:
                yield values[:batch], classes[:batch]
                values, classes = values[batch:], classes[batch:]
            ready = [(values, classes)]

    return batches


@dataclass(frozen=True, kw_only=True)
class AdamLinearProbe:
    """Batch norm and a linear layer trained with Adam on cached features, as small MAE repositories
    do (batch 128); nothing is tuned.
    """

    epochs: int = 50
    batch: int = 128
    lr: float = 1e-3
    pooling: str = "mean"
    needs_encoder: ClassVar[bool] = False
    looks_at: ClassVar[str] = "frozen features"

    def __post_init__(self) -> None:
        check_one_of("pooling", self.pooling, POOLINGS)
        check_at_least("epochs", self.epochs, 1)
        check_at_least("batch", self.batch, 2)

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Train the head on the features of train and answer the test pictures once."""
        pooling = bench.pooling(self.pooling)
        train, asked = bench.features.train.labeled(pooling), bench.features.test.labeled(pooling)
        labels, classes = train.labels.unique(return_inverse=True)
        batch = min(self.batch, len(train))
        head = NormalizedLinear(
            train.values.shape[1], len(labels), torch_generator(bench.seed, "adam probe")
        ).to(bench.device)
        batches = shuffled(Labeled(train.values, classes).to(bench.device), batch, bench.seed)
        descend(
            head,
            torch.optim.Adam(head.parameters()),
            batches,
            Rate(self.lr),
            self.epochs,
            len(train) // batch,
        )
        answers = judge_answers(
            score(head, asked.values.to(bench.device)),
            labels,
            asked.labels,
            train.labels,
            bench.seed,
        )
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
