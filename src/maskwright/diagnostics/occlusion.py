"""Occlusion: accuracy of a fixed probe, and drift of features, as patches vanish in some order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.findings import Findings, Number
from maskwright.diagnostics.occlusion_curve import OcclusionCurve, judge_occlusion
from maskwright.diagnostics.removal import (
    ORDERS,
    SALIENT,
    WAYS,
    Removal,
    check_ratios,
    gray_out,
    read_order,
)
from maskwright.diagnostics.spread import mean_distance
from maskwright.diagnostics.visible import own_attention, visible_features
from maskwright.evaluation.features import Features
from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.evaluation.subject import Subject
from maskwright.patches.mask import PatchMask
from maskwright.support.checks import check_one_of, read_word, read_words
from maskwright.support.errors import MaskwrightError
from maskwright.visual.occlusion import draw_occlusion

CONTROL = (
    "Hold against random weights and raw pixels losing patches in the same way, the clean accuracy"
    " of each (at 0) and chance (dashed); the area is 1 where nothing is lost and 0 at chance; a"
    " drift of 1 is the distance between two different pictures."
)


@dataclass(frozen=True)
class Occlusion:
    """Accuracy of the fixed probe and drift of its features as patches vanish.

    Patches vanish at random, in blocks, or by the encoder's own attention, the most or the least
    attended first. A drift of 1 is the distance between two different pictures.

    Formula: drift = (1 - cos(z(occluded), z)) / mean (1 - cos(z, z')) over pairs of pictures
    Source: this package, after Naseer et al. 2021.

    ratios: shares of the patches taken away.
    orders: random, block, salient-first and salient-last (by the encoder's own last attention), or
        any masking policy that ranks patches by itself.
    how: `drop` leaves tokens out of the encoder, as in its pretraining, `gray` paints the patches
        in the mean color. What has no tokens is painted in any case.
    """

    ratios: Sequence[float] = (0.25, 0.5, 0.75, 0.9)
    orders: Sequence[str] = ORDERS
    how: Literal["drop", "gray"] = "drop"
    wants: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "how", read_word("how", self.how))
        orders = [read_order("orders", name) for name in read_words("orders", self.orders)]
        object.__setattr__(self, "orders", tuple(orders))
        check_one_of("how", self.how, WAYS)
        if not self.orders:
            raise MaskwrightError("occlusion needs at least one order; got none.")

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        check_ratios(tuple(self.ratios), subject.grid)
        # Raw pixels have no attention that could rank their patches.
        orders = [name for name in self.orders if subject.has_tokens or name not in SALIENT]
        removals = [Removal(name, subject.grid, seed) for name in orders]
        # The probe is fitted before the clock starts, because all diagnostics share it.
        probe = subject.probe
        begun = time.perf_counter()
        occluder = Occluder(subject, self.how, tuple(self.ratios))
        parts = occluder.answer_all(pictures, removals)

        labels = pictures.test.labels
        chance = float((labels == probe.train_majority).double().mean())
        # (orders, 1 + ratios, n): drifts are in units of the distance of two different pictures.
        correct = torch.cat([part.decisions for part in parts], 2) == labels
        distance = mean_distance(torch.cat([part.clean for part in parts]))
        drifts = torch.cat([part.drifts for part in parts], 2) / distance
        ratios = (0.0, *self.ratios)
        curves = {
            name: judge_occlusion(correct[at], drifts[at], ratios, chance, seed)
            for at, name in enumerate(orders)
        }
        protocol = _protocol(occluder, probe.pooling, len(labels))
        tables = {
            "curves": {name: curve.to_dict() for name, curve in curves.items()},
            "chance": chance,
        }
        return Findings(
            diagnostic="occlusion",
            subject=subject.name,
            numbers=_numbers(curves, chance, correct, seed),
            control=CONTROL,
            protocol={**asdict(self), **protocol, "distance_of_two_pictures": distance},
            tables=tables,
            notes=_notes(subject, self.how, curves),
            seconds=time.perf_counter() - begun,
        )

    def figure(self, findings: Sequence[Findings]) -> Any:
        """A column for each order: accuracy above, drift below, a line for each subject."""
        tables = [(finding.subject, finding.tables) for finding in findings]
        return draw_occlusion(tables, "Occlusion: patches vanish", findings[0].control)


@dataclass(frozen=True)
class OccludedAnswers:
    """What a batch gave under every order and ratio.

    decisions: labels (orders, 1 + ratios, B), the whole picture first.
    drifts: cosine distances (orders, 1 + ratios, B) to the whole picture.
    clean: features (B, D) of the whole pictures.
    """

    decisions: Tensor
    drifts: Tensor
    clean: Tensor


@dataclass(frozen=True)
class Occluder:
    """One subject losing patches.

    subject: who is asked.
    how: `drop` or `gray`.
    ratios: shares taken away, rising.
    """

    subject: Subject
    how: str
    ratios: tuple[float, ...]

    def answer(self, images: Tensor, first: int, removals: Sequence[Removal]) -> OccludedAnswers:
        """Decide every picture of a batch whole and at each ratio of each order.

        first: the number of its first picture.
        """
        ids = torch.arange(first, first + len(images))
        probe = self.subject.probe
        clean = self.subject.features(images)
        # Both salient orders need the same attention, which is measured once.
        look = cache(partial(own_attention, self.subject, images))
        decisions, drifts = [], []
        for removal in removals:
            masks = removal.masks(self.ratios, ids, look)
            stages = [clean, *(self.features(images, mask) for mask in masks)]
            decisions.append(torch.stack([probe.decide(features) for features in stages]))
            drifts.append(torch.stack([self._drift(clean, features) for features in stages]))
        return OccludedAnswers(
            torch.stack(decisions), torch.stack(drifts), clean.pooled(probe.pooling)
        )

    def answer_all(
        self, pictures: DiagnosticPictures, removals: Sequence[Removal]
    ) -> list[OccludedAnswers]:
        """Go through the test pictures once."""
        answers = []
        first = 0
        for batch in pictures.test:
            answers.append(self.answer(batch.images, first, removals))
            first += len(batch.images)
        return answers

    @property
    def drops(self) -> bool:
        """Whether tokens are left out, not patches painted."""
        return self.how == "drop" and self.subject.has_tokens

    def features(self, images: Tensor, mask: PatchMask) -> Features:
        """Features of uint8 images without their masked patches."""
        if self.drops:
            return visible_features(self.subject, images, mask)
        return self.subject.features(gray_out(images, mask, self.subject.grid, self.subject.scale))

    def _drift(self, clean: Features, other: Features) -> Tensor:
        pooling = self.subject.probe.pooling
        before, after = clean.pooled(pooling).double(), other.pooled(pooling).double()
        # Rounding can push a cosine above 1, and no distance is negative.
        return (1 - F.cosine_similarity(before, after, dim=1)).clamp_min(0)


def _numbers(
    curves: dict[str, OcclusionCurve], chance: float, correct: Tensor, seed: int
) -> dict[str, Number]:
    """Clean accuracy and chance once, then each order."""
    first = next(iter(curves.values()))
    numbers: dict[str, Number] = {"clean": first.accuracies[0], "chance": chance}
    for order, curve in curves.items():
        # The first step of a curve is the whole picture.
        for ratio, value in zip(curve.ratios[1:], curve.accuracies[1:], strict=True):
            numbers[f"{order} {ratio:g}"] = value
        numbers[f"area {order}"] = curve.area
        numbers[f"drift {order}"] = curve.mean_drift
    if set(SALIENT) <= set(curves):
        numbers["salience gap"] = _salience_gap(list(curves), correct, seed)
    return numbers


def _salience_gap(orders: list[str], correct: Tensor, seed: int) -> Interval:
    """Accuracy kept by salient-last over salient-first, paired by picture, mean over ratios.

    Above 0, what attention points at matters for the answer.
    """
    # (1 + ratios, n) -> (n,): the share of ratios at which a picture is right
    last = correct[orders.index("salient-last"), 1:].double().mean(0)
    first = correct[orders.index("salient-first"), 1:].double().mean(0)
    return bootstrap_interval(last - first, seed)


def _protocol(occluder: Occluder, pooling: str, num_test: int) -> dict[str, Any]:
    return {
        "how_done": "tokens left out" if occluder.drops else "patches painted in the mean color",
        "saliency": (
            "attention of the encoder's own last block on the whole picture, mean over heads"
        ),
        "grid": str(occluder.subject.grid),
        "pooling": pooling,
        "num_test": num_test,
        "area": (
            "mean of (accuracy - chance) / (clean - chance) over the share taken away, trapezoids"
        ),
        "drift": (
            "cosine distance to the features of the whole picture over that of two different"
            " pictures"
        ),
        "interval": "95% bootstrap over test images",
    }


def _notes(subject: Subject, how: str, curves: dict[str, OcclusionCurve]) -> tuple[str, ...]:
    notes = [note for curve in curves.values() for note in curve.notes]
    if not subject.has_tokens:
        painted = ", and patches are painted in the mean color" if how == "drop" else ""
        notes.append(f"without tokens: no salient orders{painted}.")
    # Several orders may note the same.
    return tuple(dict.fromkeys(notes))
