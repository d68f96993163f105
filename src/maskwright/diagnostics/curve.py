"""Accuracy of a fixed probe as pictures change step by step, and the area under it between clean
and chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.diagnostics.findings import Findings, number_to_json
from maskwright.evaluation.metrics import Interval, bootstrap, bootstrap_interval
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.visual.charts import Line, Panel, line_chart

CLEAN = "clean"
NOTHING = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class AccuracyCurve:
    """Accuracy at each step, clean first; area: 1 = nothing lost, 0 = at chance from the first step
    on, NaN if clean is at chance.
    """

    accuracies: Mapping[str, Interval]
    chance: float
    area: Interval
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        steps = {step: value.to_dict() for step, value in self.accuracies.items()}
        return {"steps": steps, "chance": self.chance, "area": number_to_json(self.area)}


def measure_curve(
    subject: Subject,
    pictures: Pictures,
    changes: Mapping[str, Callable[[Tensor], Tensor]],
    seed: int = 0,
) -> AccuracyCurve:
    """Measure a subject's fixed probe on clean pictures and under each change of uint8 (B, C, H, W)
    images, in order.
    """
    steps = {CLEAN: lambda images: images, **changes}
    correct = torch.zeros(len(steps), len(pictures), dtype=torch.bool)
    at = 0
    for batch in pictures:
        some = slice(at, at + len(batch.images))
        for row, change in enumerate(steps.values()):
            correct[row, some] = subject.decide(change(batch.images)) == pictures.labels[some]
        at = some.stop
    chance = guessing_accuracy(subject, pictures)
    accuracies = {
        step: bootstrap_interval(row, seed) for step, row in zip(steps, correct, strict=True)
    }
    return judge_curve(accuracies, correct, chance, seed)


def guessing_accuracy(subject: Subject, pictures: Pictures) -> float:
    """What answering without looking reaches: one over the classes, or always the commonest train
    class where that is better.
    """
    commonest = float((pictures.labels == subject.probe.train_majority).double().mean())
    return max(commonest, 1 / len(subject.probe.labels))


def judge_curve(
    accuracies: Mapping[str, Interval], correct: Tensor, chance: float, seed: int
) -> AccuracyCurve:
    """Add the area under a curve of right answers (S, n), clean first, to its accuracies."""
    if float(correct[0].double().mean()) <= chance:
        return AccuracyCurve(
            accuracies,
            chance,
            NOTHING,
            ("Clean accuracy is not above chance, so an area has no meaning.",),
        )
    answers = correct.double().numpy()

    def area(counts: np.ndarray) -> np.ndarray:
        return relative_area(counts @ answers.T / answers.shape[1], chance)

    return AccuracyCurve(accuracies, chance, bootstrap(area, answers.shape[1], seed))


def relative_area(accuracy: np.ndarray, chance: float) -> np.ndarray:
    """Give the mean height (R,) of curves (R, S) over evenly spaced steps, with clean (the first)
    at 1 and chance at 0.
    """
    clean = accuracy[:, :1]
    above = np.divide(
        accuracy - chance, clean - chance, out=np.full(accuracy.shape, np.nan), where=clean > chance
    )
    if above.shape[1] < 2:
        return above[:, 0]
    return (above[:, 1:] + above[:, :-1]).mean(1) / 2


def draw_accuracy_curves(findings: Sequence[Findings], title: str) -> Any:
    """One panel for each kind of change, a line with its band for each subject, chance dashed."""
    curves = [finding.tables["curves"] for finding in findings]
    panels = []
    for name in dict.fromkeys(key for one in curves for key in one):
        lines = []
        for finding, tables in zip(findings, curves, strict=True):
            steps = tables[name]["steps"]
            area = tables[name]["area"]["value"]
            label = finding.subject if area is None else f"{finding.subject}, area {area:.2f}"
            lines.append(
                Line(
                    label,
                    tuple(steps),
                    *(
                        tuple(step[end] for step in steps.values())
                        for end in ("value", "low", "high")
                    ),
                )
            )
        panels.append(
            Panel(
                name,
                "top-1 of the fixed probe",
                tuple(lines),
                {"chance": curves[0][name]["chance"]},
            )
        )
    return line_chart(panels, title, [findings[0].control])
