"""Occlusion: how often a fixed probe stays right, and how far features drift, as patches vanish in
one order or another.
"""

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
from maskwright.diagnostics.fading import FadingCurve, judge_fading
from maskwright.diagnostics.findings import Findings, Number
from maskwright.diagnostics.option_names import read_word, read_words
from maskwright.diagnostics.removal import ORDERS, SALIENT, WAYS, Removal, check_ratios, gray_out
from maskwright.evaluation.features import Features
from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.evaluation.subject import Subject
from maskwright.models.attention_map import attention_map
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import patchify
from maskwright.support.checks import check_one_of
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
        object.__setattr__(
            self,
            "orders",
            tuple(
                order.replace("salient_", "salient-") for order in read_words("orders", self.orders)
            ),
        )
        check_one_of("how", self.how, WAYS)
        if not self.orders:
            raise MaskwrightError("occlusion needs at least one order; got none.")

    def measure(self, subject: Subject, material: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        check_ratios(tuple(self.ratios), subject.grid)
        removals = [Removal(order, subject.grid, seed) for order in self.orders]
        removals = [one for one in removals if subject.has_tokens or one.order not in SALIENT]
        probe = subject.probe
        begun = time.perf_counter()
        run = _Run(subject, self.how, tuple(self.ratios))
        kept = [run.ask(batch.images, at, removals) for at, batch in _numbered(material)]
        chance = float((material.test.labels == probe.train_majority).double().mean())
        decisions, features = (
            torch.cat([one.decisions for one in kept], 2),
            torch.cat([one.clean for one in kept]),
        )
        spread = _spread(features)
        correct, drifts = (
            decisions == material.test.labels,
            torch.cat([one.drifts for one in kept], 2) / spread,
        )
        curves = {
            one.order: judge_fading(correct[at], drifts[at], (0.0, *self.ratios), chance, seed)
            for at, one in enumerate(removals)
        }
        return Findings(
            diagnostic="occlusion",
            subject=subject.name,
            numbers=_numbers(curves, chance, correct, seed),
            control=CONTROL,
            protocol={
                **asdict(self),
                **_protocol(run, probe.pooling, len(material.test)),
                "distance_of_two_pictures": spread,
            },
            tables={
                "curves": {order: curve.to_dict() for order, curve in curves.items()},
                "chance": chance,
            },
            notes=_notes(subject, self.how, curves),
            seconds=time.perf_counter() - begun,
        )

    def figure(self, findings: Sequence[Findings]) -> Any:
        """A column for each order: accuracy above, drift below, a line with its band for each
        subject.
        """
        return draw_occlusion(
            [(one.subject, one.tables) for one in findings],
            "Occlusion: patches vanish",
            findings[0].control,
        )


@dataclass(frozen=True)
class _Answers:
    """What a batch gave: decisions and drifts (orders, 1 + ratios, B), clean features (B, D)."""

    decisions: Tensor
    drifts: Tensor
    clean: Tensor


@dataclass(frozen=True)
class _Run:
    """One subject losing patches."""

    subject: Subject
    how: str
    ratios: tuple[float, ...]

    def ask(self, images: Tensor, first: int, removals: Sequence[Removal]) -> _Answers:
        """Decide every picture of a batch whole and at each ratio of each order; first: the number
        of its first picture.
        """
        ids = torch.arange(first, first + len(images))
        clean = self.subject.features(images)
        look = cache(partial(own_attention, self.subject, images))
        decisions, drifts = [], []
        for removal in removals:
            masks = removal.masks(self.ratios, ids, look)
            stages = [clean, *(self.features(images, mask) for mask in masks)]
            decisions.append(torch.stack([self.subject.probe.decide(one) for one in stages]))
            drifts.append(torch.stack([self._drift(clean, one) for one in stages]))
        return _Answers(
            torch.stack(decisions), torch.stack(drifts), clean.pooled(self.subject.probe.pooling)
        )

    @property
    def drops(self) -> bool:
        return self.how == "drop" and self.subject.has_tokens

    def features(self, images: Tensor, mask: PatchMask) -> Features:
        """Features of uint8 images without their masked patches."""
        if self.drops:
            return visible_features(self.subject, images, mask)
        return self.subject.features(gray_out(images, mask, self.subject.grid, self.subject.scale))

    def _drift(self, clean: Features, other: Features) -> Tensor:
        pooling = self.subject.probe.pooling
        return (
            1
            - F.cosine_similarity(
                clean.pooled(pooling).double(), other.pooled(pooling).double(), dim=1
            )
        ).clamp_min(0)


def visible_features(subject: Subject, images: Tensor, mask: PatchMask) -> Features:
    """Pool the tokens of the visible patches of uint8 images; the encoder never gets the masked
    ones.
    """
    encoder = subject.encoder.to(subject.device).encoder
    patches = patchify(subject.scale.to_model(images.to(subject.device)), subject.grid.patch_size)
    with held_still(encoder, subject.device, subject.precision):
        tokens = encoder(patches, mask.visible_ids.to(subject.device)).float().cpu()
    return Features(
        tokens[:, 0] if subject.has_class_token else None, tokens[:, subject.num_prefix :].mean(1)
    )


def own_attention(subject: Subject, images: Tensor) -> Tensor:
    """(B, N) attention of the subject's last block to each patch of uint8 images, mean
    over heads.
    """
    encoder = subject.encoder.to(subject.device).encoder
    patches = patchify(subject.scale.to_model(images.to(subject.device)), subject.grid.patch_size)
    with held_still(encoder, subject.device, subject.precision):
        return attention_map(encoder, patches).float().cpu()


def _numbered(material: DiagnosticPictures) -> Any:
    at = 0
    for batch in material.test:
        yield at, batch
        at += len(batch.images)


def _spread(features: Tensor) -> float:
    """The mean cosine distance between two different pictures."""
    units = F.normalize(features.double(), dim=1)
    count = len(units)
    return max(1e-12, 1 - float((units.sum(0).square().sum() - count) / (count * (count - 1))))


def _numbers(
    curves: dict[str, FadingCurve], chance: float, correct: Tensor, seed: int
) -> dict[str, Number]:
    first = next(iter(curves.values()))
    numbers: dict[str, Number] = {"clean": first.accuracies[0], "chance": chance}
    for order, curve in curves.items():
        numbers |= {
            f"{order} {ratio:g}": value
            for ratio, value in zip(curve.ratios[1:], curve.accuracies[1:], strict=True)
        }
        numbers |= {f"area {order}": curve.area, f"drift {order}": curve.mean_drift}
    if set(SALIENT) <= set(curves):
        numbers["salience gap"] = _gap(list(curves), correct, seed)
    return numbers


def _gap(orders: list[str], correct: Tensor, seed: int) -> Interval:
    """Accuracy kept by salient-last over salient-first, mean over ratios, paired by picture: what
    attention points at matters.
    """
    last, first = (
        correct[orders.index(name), 1:].double().mean(0)
        for name in ("salient-last", "salient-first")
    )
    return bootstrap_interval(last - first, seed)


def _protocol(run: _Run, pooling: str, num_test: int) -> dict[str, Any]:
    return {
        "how_done": "tokens left out" if run.drops else "patches painted in the mean color",
        "saliency": (
            "attention of the encoder's own last block on the whole picture, mean over heads"
        ),
        "grid": str(run.subject.grid),
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


def _notes(subject: Subject, how: str, curves: dict[str, FadingCurve]) -> tuple[str, ...]:
    notes = [note for curve in curves.values() for note in curve.notes]
    if not subject.has_tokens:
        notes.append(
            "without tokens: no salient orders"
            + (", and patches are painted in the mean color." if how == "drop" else ".")
        )
    return tuple(dict.fromkeys(notes))
