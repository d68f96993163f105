"""Accuracy of a fixed probe as pictures change step by step, and the area under its curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.diagnostics.findings import Findings, number_to_json
from maskwright.diagnostics.interval_charts import interval_line
from maskwright.evaluation.division import divide_or_nan
from maskwright.evaluation.metrics import NO_INTERVAL, Interval, bootstrap, bootstrap_interval
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.visual.charts import Panel, line_chart

CLEAN = "clean"
# The area of a curve that begins at chance.


@dataclass(frozen=True)
class AccuracyCurve:
    """Accuracy at each step of a change.

    accuracies: by step, clean first.
    chance: what answering without looking reaches.
    area: 1 = nothing lost, 0 = at chance from the first step on, NaN if clean is at chance.
    notes: what a reader should know before trusting them.
    """

    accuracies: Mapping[str, Interval]
    chance: float
    area: Interval
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything but the notes, ready for JSON."""
        return {
            "steps": {step: value.to_dict() for step, value in self.accuracies.items()},
            "chance": self.chance,
            "area": number_to_json(self.area),
        }


def measure_curve(
    subject: Subject,
    pictures: Pictures,
    changes: Mapping[str, Callable[[Tensor], Tensor]],
    seed: int = 0,
) -> AccuracyCurve:
    """Measure a subject's fixed probe on clean pictures and under each change, in order.

    changes: by step, from uint8 (B, C, H, W) images to uint8 images.
    """
    steps = {CLEAN: lambda images: images, **changes}
    correct = torch.zeros(len(steps), len(pictures), dtype=torch.bool)
    first = 0
    # Batch by batch outside, so that each picture is decoded once for all steps.
    for batch in pictures:
        rows = slice(first, first + len(batch.images))
        for step, change in enumerate(steps.values()):
            answers = subject.decide(change(batch.images))
            correct[step, rows] = answers == pictures.labels[rows]
        first = rows.stop
    chance = guessing_accuracy(subject, pictures)
    accuracies = {
        step: bootstrap_interval(row, seed) for step, row in zip(steps, correct, strict=True)
    }
    return judge_curve(accuracies, correct, chance, seed)


def guessing_accuracy(subject: Subject, pictures: Pictures) -> float:
    """What answering without looking reaches: a random class, or always the commonest of train."""
    probe = subject.probe
    is_commonest = pictures.labels == probe.train_majority
    commonest = float(is_commonest.double().mean())
    return max(commonest, 1 / len(probe.labels))


def judge_curve(
    accuracies: Mapping[str, Interval], correct: Tensor, chance: float, seed: int
) -> AccuracyCurve:
    """Add the area under a curve of right answers (S, n), clean first, to its accuracies."""
    if float(correct[0].double().mean()) <= chance:
        note = "Clean accuracy is not above chance, so an area has no meaning."
        return AccuracyCurve(accuracies, chance, NO_INTERVAL, (note,))
    answers = correct.double().numpy()

    def area(counts: np.ndarray) -> np.ndarray:
        # (R, n) counts of draws @ (n, S) answers -> (R, S) accuracies of each draw
        accuracy = counts @ answers.T / answers.shape[1]
        return relative_area(accuracy, chance)

    interval = bootstrap(area, answers.shape[1], seed)
    return AccuracyCurve(accuracies, chance, interval)


def relative_area(accuracy: np.ndarray, chance: float) -> np.ndarray:
    """Give the mean height (R,) of curves (R, S), with clean (the first) at 1 and chance at 0."""
    clean = accuracy[:, :1]
    # NaN where a draw has no clean accuracy above chance: such a draw says nothing.
    above = divide_or_nan(accuracy - chance, clean - chance)
    if above.shape[1] < 2:
        return above[:, 0]
    # The trapezoid rule over steps that count as evenly spaced.
    pairs = above[:, 1:] + above[:, :-1]
    return pairs.mean(1) / 2


def draw_accuracy_curves(findings: Sequence[Findings], title: str) -> Any:
    """One panel for each kind of change, a line with its band for each subject, chance dashed."""
    # Subjects of different sizes may have different cut-offs, but all have the same panels.
    names: dict[str, None] = {}
    for finding in findings:
        names |= dict.fromkeys(finding.tables["curves"])
    panels = []
    for name in names:
        lines = []
        for finding in findings:
            curve = finding.tables["curves"][name]
            area = curve["area"]["value"]
            label = finding.subject if area is None else f"{finding.subject}, area {area:.2f}"
            lines.append(interval_line(label, curve["steps"]))
        chance = findings[0].tables["curves"][name]["chance"]
        panels.append(Panel(name, "top-1 of the fixed probe", tuple(lines), {"chance": chance}))
    return line_chart(panels, title, [findings[0].control])
