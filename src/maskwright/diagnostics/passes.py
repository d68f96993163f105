"""Low-pass and high-pass robustness: accuracy as detail, or coarse structure, is taken away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.diagnostics.curve import AccuracyCurve, draw_accuracy_curves, measure_curve
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.filters import (
    blur,
    keep_high,
    keep_low,
    match_contrast,
    radial_frequency,
    to_bytes,
)
from maskwright.diagnostics.findings import Findings
from maskwright.evaluation.subject import Subject
from maskwright.support.errors import MaskwrightError

Change = Callable[[Tensor], Tensor]
CONTROL = (
    "Hold against random weights and raw pixels under the same filters, the clean accuracy of each"
    " (first point) and chance (dashed); the area is 1 where nothing is lost and 0 at chance."
)


@dataclass(frozen=True)
class Lowpass:
    """Accuracy of the fixed probe under Gaussian blur and under ideal low-pass filters.

    The probe is fitted on clean pictures. One that reads fine detail falls early.

    Formula: area = mean over steps of (accuracy - chance) / (clean accuracy - chance)
    Source: this package, after Geirhos et al. 2018.

    sigmas: of the blur, in pixels at the model's size; an empty list skips it.
    cutoffs: highest frequency kept, in cycles per shorter side of the image. Cut-offs that keep
        every frequency of the subject's pictures are left out. An empty list skips them.
    """

    sigmas: Sequence[float] = (0, 0.5, 1, 2, 4)
    cutoffs: Sequence[float] = (32, 16, 8, 4, 2)
    wants: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        _check_numbers("sigmas", self.sigmas, 0)
        # A cut-off below one cycle would keep the mean alone.
        _check_numbers("cutoffs", self.cutoffs, 1)
        if not self.sigmas and not self.cutoffs:
            raise MaskwrightError("lowpass needs sigmas or cutoffs; both are empty.")

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        panels: dict[str, dict[str, Change]] = {}
        if self.sigmas:
            # Sigma 0 is the clean picture, which every curve begins with anyway.
            sigmas = sorted({*self.sigmas} - {0})
            panels["blur, sigma in pixels"] = {f"{sigma:g}": _blurred(sigma) for sigma in sigmas}
        if self.cutoffs:
            highest = float(radial_frequency(*subject.image_size).max())
            cutoffs = sorted({cutoff for cutoff in self.cutoffs if cutoff < highest}, reverse=True)
            changes = {f"{cutoff:g}": _low(cutoff) for cutoff in cutoffs}
            panels["low-pass, cycles per image"] = changes
        return _measure("lowpass", panels, subject, pictures, seed, asdict(self))

    def figure(self, findings: Sequence[Findings]) -> Any:
        """One panel for blur and one for cut-offs, a line per subject."""
        return draw_accuracy_curves(findings, "Low-pass robustness: fine detail taken away")


@dataclass(frozen=True)
class Highpass:
    """Accuracy of the fixed probe under ideal high-pass filters that keep each channel's mean.

    The probe is fitted on clean pictures. One that reads colors and coarse shapes falls early.

    Formula: area = mean over steps of (accuracy - chance) / (clean accuracy - chance)
    Source: this package, after Geirhos et al. 2018.

    cutoffs: highest frequency removed, in cycles per shorter side of the image.
    match_contrast: stretch what is left to the standard deviation that the picture had, because
        high-pass pictures are faint.
    """

    cutoffs: Sequence[float] = (1, 2, 4, 8, 16)
    match_contrast: bool = False
    wants: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        _check_numbers("cutoffs", self.cutoffs, 0)
        if not self.cutoffs:
            raise MaskwrightError("highpass needs cutoffs; got none.")

    def measure(self, subject: Subject, pictures: DiagnosticPictures, seed: int = 0) -> Findings:
        """Ask one subject."""
        # Cut-off 0 removes nothing, and one above the highest frequency leaves a flat picture.
        highest = float(radial_frequency(*subject.image_size).max())
        cutoffs = sorted({cutoff for cutoff in self.cutoffs if 0 < cutoff < highest})
        changes = {f"{cutoff:g}": _high(cutoff, self.match_contrast) for cutoff in cutoffs}
        how = "contrast matched" if self.match_contrast else "mean kept"
        panels = {f"high-pass ({how}), cycles per image": changes}
        return _measure("highpass", panels, subject, pictures, seed, asdict(self))

    def figure(self, findings: Sequence[Findings]) -> Any:
        """One panel, a line per subject."""
        return draw_accuracy_curves(findings, "High-pass robustness: coarse structure taken away")


def _measure(
    name: str,
    panels: dict[str, dict[str, Change]],
    subject: Subject,
    pictures: DiagnosticPictures,
    seed: int,
    settings: dict[str, Any],
) -> Findings:
    """Ask one subject under every change of every panel."""
    # The probe is fitted before the clock starts, because all diagnostics share it.
    probe = subject.probe
    begun = time.perf_counter()
    curves = {
        title: measure_curve(subject, pictures.test, changes, seed)
        for title, changes in panels.items()
    }
    protocol = {
        **settings,
        "pictures_at": "x".join(map(str, subject.image_size)),
        "num_test": len(pictures.test),
        "pooling": probe.pooling,
        "values": "clipped to 0..255 and rounded after filtering",
        "area": (
            "mean of (accuracy - chance) / (clean - chance) over evenly spaced steps, trapezoids"
        ),
        "interval": "95% bootstrap over test images",
    }
    return Findings(
        diagnostic=name,
        subject=subject.name,
        numbers=_numbers(curves),
        control=CONTROL,
        protocol=protocol,
        tables={"curves": {title: curve.to_dict() for title, curve in curves.items()}},
        notes=tuple(note for curve in curves.values() for note in curve.notes),
        seconds=time.perf_counter() - begun,
    )


def _numbers(curves: Mapping[str, AccuracyCurve]) -> dict[str, Any]:
    """Clean accuracy and chance once, then the steps and the area of each curve."""
    first = next(iter(curves.values()))
    numbers: dict[str, Any] = {"clean": first.accuracies["clean"], "chance": first.chance}
    for title, curve in curves.items():
        # "blur, sigma in pixels" and "high-pass (mean kept), ..." give "blur" and "high-pass".
        word = title.split(",")[0].split(" ")[0]
        for step, value in curve.accuracies.items():
            if step != "clean":
                numbers[f"{word} {step}"] = value
        numbers[f"area {word}"] = curve.area
    return numbers


def _blurred(sigma: float) -> Change:
    return lambda images: to_bytes(blur(images, sigma))


def _low(cutoff: float) -> Change:
    return lambda images: to_bytes(keep_low(images, cutoff))


def _high(cutoff: float, matched: bool) -> Change:
    def change(images: Tensor) -> Tensor:
        # Contrast is matched before rounding, because faint pictures have few bytes left.
        values = keep_high(images, cutoff)
        return to_bytes(match_contrast(values, images) if matched else values)

    return change


def _check_numbers(name: str, values: Sequence[float], least: float) -> None:
    is_list = isinstance(values, (list, tuple))
    if not is_list or not all(
        isinstance(value, (int, float)) and value >= least for value in values
    ):
        raise MaskwrightError(
            f"{name} is a list of numbers of at least {least:g}, such as [1, 2, 4]; got {values}."
        )
    # Infinity passes the comparison above, and NaN does not.
    if not torch.tensor([float(value) for value in values]).isfinite().all():
        raise MaskwrightError(f"{name} must be finite; got {values}.")
