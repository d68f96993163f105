"""Every rule of the doctor in one table: what it looks for, its limit, and where the limit is from.

A new finding is a function in `health/findings/`, a line here and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.finding import Finding
from maskwright.workflows.health.findings import choices, course, data, learning


@dataclass(frozen=True)
class Rule:
    """One thing that is looked for.

    find: takes the evidence and the limit, and yields what it found.
    limit: the number from which on it speaks.
    reason: what the number means and where it comes from.
    """

    find: Callable[[Evidence, float], Iterator[Finding]]
    limit: float
    reason: str


# Numbers of runs are of bench/doctor_spoiled.py and of one minute on CIFAR-10 (docs/log.md).
RULES: dict[str, Rule] = {
    # The model and how its training ended.
    "weights": Rule(
        learning.find_broken_weights, 0, "no number of a weight may be NaN or infinite"
    ),
    "end": Rule(course.find_unfinished, 0, "any run that did not come to its end"),
    # What it can do.
    "filling in": Rule(
        learning.find_filling,
        0.02,
        "share of the average patch's error that is gone, its interval above 0; healthy runs of"
        " 150 to 200 steps had 7 to 26 %",
    ),
    "features": Rule(
        learning.find_features,
        0.0,
        "the paired 95 % interval over random weights of the same shape lies above 0",
    ),
    "collapse": Rule(
        learning.find_collapse,
        0.2,
        "effective rank as a share of random weights'; a healthy run of 206 steps had 1.1",
    ),
    "smooth": Rule(
        learning.find_smooth, 0.0, "decibels: the paired 95 % interval lies above the smooth fill"
    ),
    "seams": Rule(
        learning.find_seams,
        1.5,
        "steps across patch borders beside those inside, 1 in pictures themselves; after 150 steps"
        " 1.7 under a raw target, 8 to 10 under a normalized one",
    ),
    # Its course.
    "loss": Rule(
        course.find_trend, 0.01, "change of the loss over the last quarter, its interval beyond 1 %"
    ),
    "overfitting": Rule(
        course.find_overfitting, 0.03, "rise of the held-out loss; it fluctuates by about 1 %"
    ),
    "bad steps": Rule(
        course.find_bad_steps, 0.001, "share of steps; healthy runs drop none in full precision"
    ),
    "data wait": Rule(course.find_waiting, 0.2, "share of the time; below it little can be won"),
    # Its settings.
    "learning rate": Rule(
        choices.find_rate,
        8.0,
        "times the usual rate; a third of that without warm-up, a thirtieth below",
    ),
    "length": Rule(
        choices.find_length,
        0.5,
        "pictures seen per weight: a tenth of what ViT-L saw (6) in He et al. (2022)",
    ),
    "visible patches": Rule(
        choices.find_visible, 4, "patches; 90 % of a grid of 8 x 8, as coarse as any here, leaves 6"
    ),
    # Its pictures.
    "empty pictures": Rule(data.find_empty, 0.01, "share of the pictures; a few do no harm"),
    "repeated pictures": Rule(data.find_repeats, 0.05, "share of copies; a few are harmless"),
    "gray pictures": Rule(data.find_gray, 0.99, "share of the pictures that have no color"),
    "patch size": Rule(
        data.find_fine_structure,
        0.1,
        "correlation of pixels a patch apart; that of noise is 0, of CIFAR-10 0.65",
    ),
}
# What is looked for at the end of every training, where seconds count: all that the record and
# a sample of the pictures answer, and the model where its passes are cheap.
FROM_MODEL = ("filling in", "features", "collapse", "smooth", "seams")
