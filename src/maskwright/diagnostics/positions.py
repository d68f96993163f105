"""Positions: whether an encoder, and its decoder, know where a patch lies - patches shuffled within
each picture.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings, Number, number_to_json
from maskwright.evaluation.features import Features
from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.evaluation.subject import Subject
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches.grid import Grid
from maskwright.patches.mask import check_ratio, split, take, visible_count
from maskwright.patches.pixels import patchify, unpatchify
from maskwright.support.seeding import sample_rng
from maskwright.visual.charts import Line, Panel, line_chart

CONTROL = (
    "A mean over tokens without positions cannot tell an order, so its drift is 0 up to rounding; 1"
    " is the distance between two different pictures. A decoder without positions gives every"
    " hidden patch of a picture the same answer, so its spread over places is 0."
)


@dataclass(frozen=True)
class Positions:
    """Patches of every picture shuffled: drift of the mean-pooled features, the fixed probe's
    accuracy, and the decoder's predictions.

    ratio: share of patches hidden where predictions are compared, for models that have a decoder.
    """

    ratio: float = 0.75
    wants: ClassVar[tuple[str, ...]] = ()

    def measure(self, subject: Subject, material: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        check_ratio(subject.grid.num_patches, self.ratio)
        probe = subject.probe
        begun = time.perf_counter()
        clean, moved, predicted, at = [], [], [], 0
        for batch in material.test:
            order = shuffle(subject.grid, torch.arange(at, at + len(batch.images)), seed)
            at += len(order)
            shuffled = unpatchify(
                take(patchify(batch.images, subject.grid.patch_size), order), subject.grid
            )
            clean.append(exact_features(subject, batch.images))
            moved.append(exact_features(subject, shuffled))
            predicted.append(self._predictions(subject, batch.images, order, seed))
        labels = material.test.labels
        steps = {
            name: _accuracy(probe, parts, labels, seed)
            for name, parts in (("in order", clean), ("shuffled", moved))
        }
        numbers: dict[str, Number] = {f"accuracy {name}": value for name, value in steps.items()}
        numbers["drift"] = _drift(
            torch.cat([one.mean for one in clean]), torch.cat([one.mean for one in moved]), seed
        )
        if isinstance(subject.model, MaskedAutoencoder):
            both = torch.cat([one for one in predicted if one is not None])
            numbers |= {
                "prediction change": bootstrap_interval(both[:, 0], seed),
                "prediction spread": bootstrap_interval(both[:, 1], seed),
            }
        return Findings(
            diagnostic="positions",
            subject=subject.name,
            numbers=numbers,
            control=CONTROL,
            protocol={
                **asdict(self),
                "positions": (
                    subject.model.config.positions
                    if subject.model is not None
                    else "those of the pixels"
                ),
                "drift": (
                    "cosine distance of mean-pooled features, in order and shuffled, over that of"
                    " two different pictures; float32"
                ),
                "prediction_change": (
                    "change of the predictions when the contents of visible patches swap places,"
                    " over their mean square"
                ),
                "prediction_spread": (
                    "variance of a picture's predictions over its hidden places, over their mean"
                    " square"
                ),
                "pooling": probe.pooling,
                "num_test": len(labels),
            },
            tables={"steps": {name: number_to_json(value) for name, value in steps.items()}},
            seconds=time.perf_counter() - begun,
        )

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Accuracy in order and shuffled, a line for each subject with its drift."""
        lines = []
        for one in findings:
            steps, drift = one.tables["steps"], one.numbers["drift"]
            assert isinstance(drift, Interval)
            ends = (tuple(step[end] for step in steps.values()) for end in ("value", "low", "high"))
            lines.append(
                Line(
                    f"{one.subject} ({one.protocol['positions']}), drift {drift.value:.2g}",
                    tuple(steps),
                    *ends,
                )
            )
        panel = Panel("patches of each picture", "top-1 of the fixed probe", tuple(lines))
        return line_chart([panel], "Positions: does the order of the patches matter?", [CONTROL])

    def _predictions(
        self, subject: Subject, images: Tensor, order: Tensor, seed: int
    ) -> Tensor | None:
        """(B, 2): how far predictions move when visible contents swap places, and how far they
        differ between places; or None.
        """
        model = subject.model
        if not isinstance(model, MaskedAutoencoder):
            return None
        count = subject.grid.num_patches
        mask = split(
            order.float(),
            visible_count(count, self.ratio),
            rng=sample_rng(seed, 1, order[:, 0], "positions"),
        )
        values = subject.scale.to_model(images)
        patches = patchify(values, subject.grid.patch_size)
        swapped = patches.scatter(
            1, _wide(mask.visible_ids, patches), take(patches, mask.visible_ids).flip(1)
        )
        with held_still(model.to(subject.device), subject.device):
            here, there = (
                model(one.to(subject.device), mask.to(subject.device)).values.float().cpu()
                for one in (values, unpatchify(swapped, subject.grid))
            )
        size = here.square().mean((1, 2)).clamp_min(1e-12)
        change = (here - there).square().mean((1, 2)) / size
        spread = here.var(1, unbiased=False).mean(1) / size
        return torch.stack([change, spread], dim=1).double()


def shuffle(grid: Grid, sample_ids: Tensor, seed: int = 0) -> Tensor:
    """(B, N) patch ids in a random order for each picture, by its sample id."""
    return sample_rng(seed, 0, sample_ids, "positions").bits(grid.num_patches).argsort(1)


def exact_features(subject: Subject, images: Tensor) -> Features:
    """Features in float32 whatever the subject's precision, because half precision alone would make
    an order count a little.
    """
    if subject.model is None:
        return subject.features(images)
    model = subject.model.to(subject.device)
    with held_still(model.encode, subject.device):
        tokens = model.encode(subject.scale.to_model(images.to(subject.device))).float().cpu()
    return Features(
        tokens[:, 0] if subject.has_class_token else None, tokens[:, subject.num_prefix :].mean(1)
    )


def _wide(ids: Tensor, like: Tensor) -> Tensor:
    return ids[:, :, None].expand(-1, -1, like.shape[2])


def _accuracy(probe: Any, parts: Sequence[Features], labels: Tensor, seed: int) -> Interval:
    return bootstrap_interval(
        (torch.cat([probe.decide(one) for one in parts]) == labels).double(), seed
    )


def _drift(clean: Tensor, moved: Tensor, seed: int) -> Interval:
    units = F.normalize(clean.double(), dim=1)
    count = len(units)
    spread = max(1e-12, 1 - float((units.sum(0).square().sum() - count) / (count * (count - 1))))
    return bootstrap_interval(
        (1 - (units * F.normalize(moved.double(), dim=1)).sum(1)).clamp_min(0) / spread, seed
    )
