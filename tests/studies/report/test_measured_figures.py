"""Figures of a report that need several numbers: accuracies, kept epochs, terms of the loss."""

from __future__ import annotations

from dataclasses import replace

from tests.studies.synthetic import EFFECTS, synthetic_study

from maskwright.studies.findings import find
from maskwright.studies.report.measured_figures import (
    accuracy_drawings,
    epoch_drawings,
    term_drawings,
)


def test_probes_stand_side_by_side_with_random_weights() -> None:
    floor = {"linear top1": {"value": 0.3, "low": 0.25, "high": 0.35}}
    record = synthetic_study(floors=dict.fromkeys(EFFECTS, floor))
    (drawing,) = accuracy_drawings(record, find(record))
    assert drawing.svg.startswith("<svg")
    for word in ("linear", "knn", "random weights", "block(size=2)"):
        assert word in drawing.svg
    # One probe alone is drawn in its own section already.
    only = replace(record, metrics=record.metrics[:1])
    assert accuracy_drawings(only, find(only)) == []


def test_kept_epochs_become_a_line_per_arm() -> None:
    record = synthetic_study()
    trials = []
    for trial in record.trials:
        kept = {f"linear top1 at epoch {epoch}": 0.1 * epoch for epoch in (5, 10, 20)}
        trials.append(replace(trial, numbers={**trial.numbers, **kept}))
    (drawing,) = epoch_drawings(replace(record, trials=tuple(trials)))
    assert "epoch" in drawing.svg
    assert "linear top1" in drawing.caption
    assert epoch_drawings(record) == []


def test_every_term_is_drawn_in_training_and_held_out() -> None:
    record = synthetic_study()
    rows = {
        trial.key: [
            {"step": step, "loss_mse": 1 / step, "val_loss_mse": 2 / step, "loss": 1.0, "lr": 0.1}
            for step in (1, 2, 3)
        ]
        for trial in record.trials
    }
    captions = [drawing.caption for drawing in term_drawings(record, rows)]
    assert captions == [
        "The term mse in training; means over seeds.",
        "The term mse on held-out pictures; means over seeds.",
    ]
