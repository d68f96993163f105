"""What is lost as shares are taken away: accuracy, drift, and the area under the accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from maskwright.diagnostics.findings import number_to_json
from maskwright.evaluation.division import divide_or_nan
from maskwright.evaluation.metrics import NO_INTERVAL, Interval, bootstrap, bootstrap_interval

# The area of a curve that begins at chance.


@dataclass(frozen=True)
class OcclusionCurve:
    """Accuracy and drift at each share taken away.

    ratios: shares taken away, 0 first.
    accuracies: at each share.
    drifts: mean drift at each share.
    area: 1 = nothing lost, 0 = at chance, NaN where clean is at chance already.
    mean_drift: the mean height of the drift over the shares.
    notes: what a reader should know before trusting them.
    """

    ratios: tuple[float, ...]
    accuracies: tuple[Interval, ...]
    drifts: tuple[Interval, ...]
    area: Interval
    mean_drift: Interval
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "ratios": list(self.ratios),
            "accuracy": [number_to_json(value) for value in self.accuracies],
            "drift": [number_to_json(value) for value in self.drifts],
            "area": number_to_json(self.area),
            "mean_drift": number_to_json(self.mean_drift),
        }


def judge_occlusion(
    correct: Tensor, drifts: Tensor, ratios: tuple[float, ...], chance: float, seed: int = 0
) -> OcclusionCurve:
    """Judge right answers and drifts (S, n) at S rising shares, the first 0."""
    # float64, in which a bootstrap over pictures adds up
    answers = correct.double().numpy()
    distances = drifts.double().numpy()
    accuracies = tuple(bootstrap_interval(row, seed) for row in answers)
    steps = tuple(bootstrap_interval(row, seed) for row in distances)
    # Picture by picture first: (n, S) -> (n,)
    heights = mean_height(distances.T, ratios)
    mean_drift = bootstrap_interval(heights, seed)
    if accuracies[0].value <= chance:
        note = "Clean accuracy is not above chance, so an area has no meaning."
        return OcclusionCurve(ratios, accuracies, steps, NO_INTERVAL, mean_drift, (note,))

    def area(counts: np.ndarray) -> np.ndarray:
        # (R, n) counts of draws @ (n, S) answers -> (R, S) accuracies above chance
        above = counts @ answers.T / answers.shape[1] - chance
        clean = above[:, 0]
        # A draw whose clean accuracy is at chance has no area and is left out.
        return divide_or_nan(mean_height(above, ratios), clean)

    area_interval = bootstrap(area, answers.shape[1], seed)
    return OcclusionCurve(ratios, accuracies, steps, area_interval, mean_drift)


def mean_height(curves: np.ndarray, ratios: tuple[float, ...]) -> np.ndarray:
    """The mean height (R,) of curves (R, S) of straight lines over unevenly spaced shares."""
    width = ratios[-1] - ratios[0]
    return np.trapezoid(curves, ratios, axis=1) / width
