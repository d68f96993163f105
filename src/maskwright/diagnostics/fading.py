"""What is lost along a scale of shares taken away: accuracy and drift at each share, and the area
under the accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from maskwright.diagnostics.findings import number_to_json
from maskwright.evaluation.metrics import Interval, bootstrap, bootstrap_interval

_NOTHING = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class FadingCurve:
    """Accuracy and mean drift at each share, 0 first; area: 1 = nothing lost, 0 = at chance, NaN
    where clean is at chance already.
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


def judge_fading(
    correct: Tensor, drifts: Tensor, ratios: tuple[float, ...], chance: float, seed: int = 0
) -> FadingCurve:
    """Judge right answers and drifts (S, n) at S rising shares, the first 0."""
    answers, distances = correct.double().numpy(), drifts.double().numpy()
    accuracies = tuple(bootstrap_interval(row, seed) for row in answers)
    far = tuple(bootstrap_interval(row, seed) for row in distances)
    mean_drift = bootstrap_interval(mean_height(distances.T, ratios), seed)
    if accuracies[0].value <= chance:
        note = "Clean accuracy is not above chance, so an area has no meaning."
        return FadingCurve(ratios, accuracies, far, _NOTHING, mean_drift, (note,))

    def area(counts: np.ndarray) -> np.ndarray:
        above = counts @ answers.T / answers.shape[1] - chance
        return np.divide(
            mean_height(above, ratios),
            above[:, 0],
            out=np.full(len(above), np.nan),
            where=above[:, 0] > 0,
        )

    return FadingCurve(ratios, accuracies, far, bootstrap(area, answers.shape[1], seed), mean_drift)


def mean_height(curves: np.ndarray, ratios: tuple[float, ...]) -> np.ndarray:
    """The mean height (R,) of curves (R, S) of straight lines over unevenly spaced shares: the area
    over its width.
    """
    return np.trapezoid(curves, ratios, axis=1) / (ratios[-1] - ratios[0])
