"""Every metric of a study: its name, unit and direction, and how it is read from a result.

A new metric is one entry of PROBE_METRICS or FILL_METRICS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from maskwright.evaluation.reconstruction import ReconstructionResult
from maskwright.studies.record import Metric


@dataclass(frozen=True, kw_only=True)
class ProbeMetric:
    """A number that probes report of an encoder.

    key: its word in names of metrics, behind the probe: `linear top1`.
    unit: what it is counted in.
    larger_is_better: its direction.
    read: its value, low and high in the result of a probe.
    task: of the probes that have it.
    answers: where a result has right or wrong per picture, as text of 0 and 1; None: nowhere.
    """

    key: str
    unit: str
    larger_is_better: bool
    read: Callable[[Mapping[str, Any]], Mapping[str, float]]
    task: str = "classes"
    answers: str | None = None

    def name(self, probe: str) -> str:
        """The name of this metric under one probe."""
        return f"{probe} {self.key}"

    def metric(self, probe: str, looks_at: str) -> Metric:
        """What study.json says of it; looks_at: what the probe's numbers speak of."""
        return Metric(
            name=self.name(probe),
            larger_is_better=self.larger_is_better,
            unit=self.unit,
            where=looks_at,
        )


@dataclass(frozen=True, kw_only=True)
class FillMetric:
    """A number of pictures whose hidden patches were filled in.

    key: its word in names of metrics, before the masks: `psnr random 0.75`.
    unit: what it is counted in.
    larger_is_better: its direction.
    where: which pixels it looks at.
    read: one number per picture (B,) in the result.
    """

    key: str
    unit: str
    larger_is_better: bool
    where: str
    read: Callable[[ReconstructionResult], Tensor]

    def name(self, masks: str) -> str:
        """The name of this metric under masks that are the same for all arms."""
        return f"{self.key} {masks}"

    def crossed_name(self, arm: str) -> str:
        """The name of this metric under the masks of another arm."""
        return self.name(f"{_MASKS_BY}{arm}")

    def masks_of(self, name: str) -> str | None:
        """The masks that a metric's name speaks of, as a heading; None for another metric."""
        key, _, masks = name.partition(" ")
        if key != self.key:
            return None
        # Numbers of the cross-policy matrix are kept under the same word.
        if masks.startswith(_MASKS_BY):
            return f"masks of {masks.removeprefix(_MASKS_BY)}"
        return masks

    def metric(self, masks: str) -> Metric:
        """What study.json says of it."""
        return Metric(
            name=self.name(masks),
            larger_is_better=self.larger_is_better,
            unit=self.unit,
            where=self.where,
        )

    def mean(self, result: ReconstructionResult) -> float:
        """The mean over pictures."""
        return float(self.read(result).mean())


# Names of metrics are keys of study.json, where published studies have them: they do not change.
_MASKS_BY = "of masks by "

PROBE_METRICS = (
    # the share of right answers, which every probe of classes has
    ProbeMetric(
        key="top1",
        unit="share",
        larger_is_better=True,
        read=lambda result: result["top1"],
        answers="correct",
    ),
    ProbeMetric(
        key="miou",
        unit="",
        larger_is_better=True,
        read=lambda result: result["miou"],
        task="segmentation",
    ),
    ProbeMetric(
        key="r2",
        unit="",
        larger_is_better=True,
        read=lambda result: result["r2"],
        task="regression",
    ),
)
"""What is read of every probe, where its result has it; by default the first is the main metric."""

# The only one that is also measured across policies.
PSNR = FillMetric(
    key="psnr",
    unit="dB",
    larger_is_better=True,
    where="hidden pixels",
    read=lambda result: result.psnr,
)
# Structure needs neighbors, so it looks at pictures with their holes filled in.
SSIM = FillMetric(
    key="ssim",
    unit="",
    larger_is_better=True,
    where="whole pictures",
    read=lambda result: result.ssim,
)
# PSNR rewards blur; this one counts the fine detail that blur lacks.
HIGH_FREQUENCY = FillMetric(
    key="high_frequency",
    unit="",
    larger_is_better=False,
    where="hidden pixels",
    read=lambda result: result.high_frequency,
)
FILL_METRICS = {metric.key: metric for metric in (PSNR, SSIM, HIGH_FREQUENCY)}
"""What a plan's evaluate.filled may name."""
