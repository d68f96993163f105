"""Positions: whether an encoder, and its decoder, know where a patch lies."""

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
from maskwright.diagnostics.interval_charts import interval_line
from maskwright.diagnostics.spread import mean_distance
from maskwright.evaluation.features import Features
from maskwright.evaluation.fixed_probe import FixedProbe
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.evaluation.subject import Subject
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches.grid import Grid
from maskwright.patches.mask import check_ratio, split, take, visible_count
from maskwright.patches.pixels import patchify, unpatchify
from maskwright.support.seeding import sample_rng
from maskwright.visual.charts import Panel, line_chart

CONTROL = (
    "A mean over tokens without positions cannot tell an order, so its drift is 0 up to rounding; 1"
    " is the distance between two different pictures. A decoder without positions gives every"
    " hidden patch of a picture the same answer, so its spread over places is 0."
)


# What the measured things are, for whoever reads the JSON.
PROTOCOL = {
    "drift": (
        "cosine distance of mean-pooled features, in order and shuffled, over that of two different"
        " pictures; float32"
    ),
    "prediction_change": (
        "change of the predictions when the contents of visible patches swap places, over their"
        " mean square"
    ),
    "prediction_spread": (
        "variance of a picture's predictions over its hidden places, over their mean square"
    ),
}


@dataclass(frozen=True)
class Shuffled:
    """What was read of the test pictures, in order and with their patches shuffled.

    clean: features of each batch in order.
    moved: features of each batch shuffled.
    predicted: (B, 2) for each batch, prediction change and spread; empty without a decoder.
    """

    clean: list[Features]
    moved: list[Features]
    predicted: list[Tensor]


@dataclass(frozen=True)
class Positions:
    """Patches of every picture shuffled: drift, accuracy, and the decoder's predictions.

    An encoder that ignores where patches lie has a drift of 0.

    Formula: drift = (1 - cos(z(shuffled), z)) / mean (1 - cos(z, z')) over pairs of pictures
    Source: this package.

    ratio: share of patches hidden where predictions are compared, for models that have a decoder.
    """

    ratio: float = 0.75
    wants: ClassVar[tuple[str, ...]] = ()

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        check_ratio(subject.grid.num_patches, self.ratio)
        # The probe is fitted before the clock starts, because all diagnostics share it.
        probe = subject.probe
        begun = time.perf_counter()
        read = self._read(subject, pictures, seed)
        labels = pictures.test.labels
        steps = {
            "in order": _accuracy(probe, read.clean, labels, seed),
            "shuffled": _accuracy(probe, read.moved, labels, seed),
        }
        protocol = {
            **asdict(self),
            "positions": _describe_positions(subject),
            **PROTOCOL,
            "pooling": probe.pooling,
            "num_test": len(labels),
        }
        return Findings(
            diagnostic="positions",
            subject=subject.name,
            numbers=_numbers(steps, read, seed),
            control=CONTROL,
            protocol=protocol,
            tables={"steps": {name: number_to_json(value) for name, value in steps.items()}},
            seconds=time.perf_counter() - begun,
        )

    def figure(self, findings: Sequence[Findings]) -> Any:
        """Accuracy in order and shuffled, a line for each subject with its drift."""
        lines = []
        for finding in findings:
            drift = finding.numbers["drift"]
            assert isinstance(drift, Interval)
            label = f"{finding.subject} ({finding.protocol['positions']}), drift {drift.value:.2g}"
            lines.append(interval_line(label, finding.tables["steps"]))
        panel = Panel("patches of each picture", "top-1 of the fixed probe", tuple(lines))
        return line_chart([panel], "Positions: does the order of the patches matter?", [CONTROL])

    def _read(self, subject: Subject, pictures: DiagnosticPictures, seed: int) -> Shuffled:
        """Go through the test pictures once."""
        read = Shuffled([], [], [])
        first = 0
        for batch in pictures.test:
            # The order depends on the number of the picture, not on its batch mates.
            ids = torch.arange(first, first + len(batch.images))
            first += len(ids)
            order = shuffle(subject.grid, ids, seed)
            patches = patchify(batch.images, subject.grid.patch_size)
            moved = unpatchify(take(patches, order), subject.grid)
            read.clean.append(exact_features(subject, batch.images))
            read.moved.append(exact_features(subject, moved))
            if isinstance(subject.model, MaskedAutoencoder):
                model = subject.model
                read.predicted.append(self._predict(subject, model, batch.images, order, seed))
        return read

    def _predict(
        self,
        subject: Subject,
        model: MaskedAutoencoder,
        images: Tensor,
        order: Tensor,
        seed: int,
    ) -> Tensor:
        """How far predictions move when visible contents swap places, and differ between places.

        Returns (B, 2).
        """
        count = subject.grid.num_patches
        rng = sample_rng(seed, 1, order[:, 0], "positions")
        mask = split(order.float(), visible_count(count, self.ratio), rng=rng)
        values = subject.scale.to_model(images)
        patches = patchify(values, subject.grid.patch_size)

        # Visible patches trade contents back to front; what is hidden stays as it is.
        visible = take(patches, mask.visible_ids)
        swapped = patches.scatter(1, _wide(mask.visible_ids, patches), visible.flip(1))
        mask = mask.to(subject.device)
        with evaluation_mode(model.to(subject.device), subject.device):
            here = model(values.to(subject.device), mask).values.float().cpu()
            there = model(unpatchify(swapped, subject.grid).to(subject.device), mask)
            moved = there.values.float().cpu()

        # (B, M, P) -> (B,): both numbers are shares of the mean square of the predictions.
        size = here.square().mean((1, 2)).clamp_min(1e-12)
        change = (here - moved).square().mean((1, 2)) / size
        spread = here.var(1, unbiased=False).mean(1) / size
        return torch.stack([change, spread], dim=1).double()


def shuffle(grid: Grid, sample_ids: Tensor, seed: int = 0) -> Tensor:
    """(B, N) patch ids in a random order for each picture, by its sample id."""
    return sample_rng(seed, 0, sample_ids, "positions").bits(grid.num_patches).argsort(1)


def exact_features(subject: Subject, images: Tensor) -> Features:
    """Features in float32, because half precision alone would make an order count a little."""
    if subject.model is None:
        return subject.features(images)
    model = subject.model.to(subject.device)
    with evaluation_mode(model.encode, subject.device):
        tokens = model.encode(subject.scale.to_model(images.to(subject.device))).float().cpu()
    return subject.pool(tokens)


def _describe_positions(subject: Subject) -> str:
    if subject.model is None:
        return "those of the pixels"
    return subject.model.config.positions


def _numbers(steps: dict[str, Interval], read: Shuffled, seed: int) -> dict[str, Number]:
    numbers: dict[str, Number] = {}
    for name, value in steps.items():
        numbers[f"accuracy {name}"] = value
    # Patch tokens alone, without the class token.
    clean = torch.cat([features.mean for features in read.clean])
    moved = torch.cat([features.mean for features in read.moved])
    numbers["drift"] = _drift(clean, moved, seed)
    if read.predicted:
        both = torch.cat(read.predicted)
        numbers["prediction change"] = bootstrap_interval(both[:, 0], seed)
        numbers["prediction spread"] = bootstrap_interval(both[:, 1], seed)
    return numbers


def _wide(ids: Tensor, like: Tensor) -> Tensor:
    # (B, V) -> (B, V, P), as scatter wants one index per number
    return ids[:, :, None].expand(-1, -1, like.shape[2])


def _accuracy(probe: FixedProbe, parts: Sequence[Features], labels: Tensor, seed: int) -> Interval:
    decisions = torch.cat([probe.decide(features) for features in parts])
    return bootstrap_interval((decisions == labels).double(), seed)


def _drift(clean: Tensor, moved: Tensor, seed: int) -> Interval:
    """Mean cosine distance (n, D) to (n, D), over that of two different pictures."""
    first = F.normalize(clean.double(), dim=1)
    second = F.normalize(moved.double(), dim=1)
    cosine = (first * second).sum(1)
    # Rounding can push a cosine above 1, and no distance is negative.
    distance = (1 - cosine).clamp_min(0)
    return bootstrap_interval(distance / mean_distance(clean), seed)
