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
class _Kind:
    """What all metrics say of themselves.

    unit: what it is counted in.
    larger_is_better: its direction.
    """

    unit: str = ""
    larger_is_better: bool = True

    def _named(self, name: str, where: str) -> Metric:
        return Metric(
            name=name, larger_is_better=self.larger_is_better, unit=self.unit, where=where
        )


@dataclass(frozen=True, kw_only=True)
class ProbeMetric(_Kind):
    """A number that probes report of an encoder.

    key: its place in the result of a probe, and its word in names of metrics behind the probe:
        `linear top1`.
    task: of the probes that have it.
    answers: where a result has right or wrong per picture, as text of 0 and 1; None: nowhere.
    """

    key: str
    task: str = "classes"
    answers: str | None = None

    def name(self, probe: str) -> str:
        """The name of this metric under one probe."""
        return f"{probe} {self.key}"

    def read(self, result: Mapping[str, Any]) -> Mapping[str, float]:
        """Its value, low and high in the result of a probe."""
        return result[self.key]

    def metric(self, probe: str, looks_at: str) -> Metric:
        """What study.json says of it; looks_at: what the probe's numbers speak of."""
        return self._named(self.name(probe), looks_at)


@dataclass(frozen=True, kw_only=True)
class FillMetric(_Kind):
    """A number of pictures whose hidden patches were filled in.

    key: its word in names of metrics, before the masks: `psnr random 0.75`.
    where: which pixels it looks at.
    read: one number per picture (B,) in the result.
    """

    key: str
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
        return self._named(self.name(masks), self.where)

    def mean(self, result: ReconstructionResult) -> float:
        """The mean over pictures."""
        return float(self.read(result).mean())


# Names of metrics are keys of study.json, where published studies have them: they do not change.
_MASKS_BY = "of masks by "

PROBE_METRICS: tuple[ProbeMetric, ...] = (
    # the share of right answers, which every probe of classes has
    ProbeMetric(key="top1", unit="share", answers="correct"),
    # whether the true class is among the five best, of more than five classes
    ProbeMetric(key="top5", unit="share", answers="correct_top5"),
    ProbeMetric(key="miou", task="segmentation"),
    ProbeMetric(key="r2", task="regression"),
)
"""What is read of every probe, where its result has it; by default the first is the main metric."""

# The only one that is also measured across policies.
PSNR = FillMetric(key="psnr", unit="dB", where="hidden pixels", read=lambda result: result.psnr)
# Structure needs neighbors, so it looks at pictures with their holes filled in.
SSIM = FillMetric(key="ssim", where="whole pictures", read=lambda result: result.ssim)
# PSNR rewards blur; this one counts the fine detail that blur lacks.
HIGH_FREQUENCY = FillMetric(
    key="high_frequency",
    larger_is_better=False,
    where="hidden pixels",
    read=lambda result: result.high_frequency,
)
# In the space of what is predicted, so it compares arms of one target alone.
LOSS = FillMetric(
    key="loss",
    larger_is_better=False,
    where="hidden patches, as the model predicts them",
    read=lambda result: result.loss,
)
FILL_METRICS = {metric.key: metric for metric in (PSNR, SSIM, HIGH_FREQUENCY, LOSS)}
"""What a plan's evaluate.filled may name."""


@dataclass(frozen=True, kw_only=True)
class SelectMetric(_Kind):
    """A number of a trained scorer, from the report of `maskwright select`.

    name: its name in results.
    read: the number in report.json; None where it was left out.
    """

    name: str
    read: Callable[[Mapping[str, Any]], float | None]

    def metric(self) -> Metric:
        """What study.json says of it."""
        return self._named(self.name, "held-out pictures, hidden patches influence nothing")


def _gain(name: str, first: str, second: str) -> SelectMetric:
    """How many decibels one way of choosing is above another, picture by picture."""

    def read(report: Mapping[str, Any]) -> float | None:
        pair = report["differences"].get(f"{first} - {second}")
        return None if pair is None else float(pair["composite_psnr"]["value"])

    return SelectMetric(name=name, unit="dB", read=read)


# First what a scorer is for: better than chance that keeps as many patches of the same picture.
SELECT_METRICS = (
    _gain("gain over random, same counts", "selected", "random, same counts"),
    _gain("gain over random, equal counts", "selected, equal counts", "random, equal counts"),
    _gain("gain over blocks, equal counts", "selected, equal counts", "block, equal counts"),
    SelectMetric(
        name="kept",
        unit="share",
        larger_is_better=False,
        read=lambda report: float(report["kept"]["mean_share"]),
    ),
    SelectMetric(
        name="composite error",
        larger_is_better=False,
        read=lambda report: float(report["masks"]["selected"]["composite_mse"]["value"]),
    ),
)
"""What is read of every scorer of a study; the first is the main metric by default."""
