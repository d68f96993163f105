"""Differences of encoders are paired: the same test images are drawn for both."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskwright.evaluation.answers import judge_answers
from maskwright.workflows.measuring.paired_differences import (
    format_differences,
    measure_differences,
)

IMAGES = 200
TRUTH = torch.arange(IMAGES) % 2


def results_of(noise: float, seed: int = 0) -> dict[str, object]:
    """A probe that sees the truth through noise."""
    drawn = np.random.default_rng(seed).normal(size=IMAGES)
    scores = torch.zeros(IMAGES, 2)
    scores[:, 1] = TRUTH - 0.5 + noise * torch.from_numpy(drawn)
    return judge_answers(scores, torch.tensor([0, 1]), TRUTH, TRUTH).to_dict()


def measure(*noises: float) -> dict[str, dict[str, dict[str, float]]]:
    results = {f"noise {noise}": {"linear": results_of(noise)} for noise in noises}
    return measure_differences(results, dict.fromkeys(results, ("same",)), seed=0)


def test_auroc_and_top1_of_two_classes_are_compared_image_by_image() -> None:
    found = measure(0.6, 0.7)["noise 0.7 - noise 0.6"]
    first, second = results_of(0.6), results_of(0.7)
    for title, key in (("linear", "top1"), ("linear AUROC", "auroc")):
        wanted = second[key]["value"] - first[key]["value"]
        assert found[title]["value"] == pytest.approx(wanted)
    # Both meet the same noise: its intervals overlap almost wholly, their difference does not
    # reach 0.
    assert second["auroc"]["high"] > first["auroc"]["value"]
    assert found["linear AUROC"]["high"] < 0
    width = found["linear AUROC"]["high"] - found["linear AUROC"]["low"]
    assert width < 0.5 * (first["auroc"]["high"] - first["auroc"]["low"])


def test_other_test_images_are_not_compared() -> None:
    results = {name: {"linear": results_of(0.6)} for name in ("a", "b")}
    assert measure_differences(results, {"a": ("x",), "b": ("y",)}, seed=0) == {}


def test_probes_that_tested_other_pictures_than_each_other_are_not_compared() -> None:
    # As cross-validation does where one encoder skips train pictures that the other can read.
    same = {name: {"linear": results_of(0.6) | {"tested": "x"}} for name in ("a", "b")}
    assert measure_differences(same, dict.fromkeys(same, ("same",)), seed=0)
    other = {name: {"linear": results_of(0.6) | {"tested": name}} for name in ("a", "b")}
    assert measure_differences(other, dict.fromkeys(other, ("same",)), seed=0) == {}


def test_a_plus_is_a_gain_over_a_baseline_or_over_the_first_encoder() -> None:
    by_name = {"run": 0.5, "other": 0.6, "random weights": 2.0, "raw pixels": 3.0}
    results = {name: {"linear": results_of(noise)} for name, noise in by_name.items()}
    tested = dict.fromkeys(results, ("same",))
    found = measure_differences(results, tested, 0, ("random weights", "raw pixels"))
    assert list(found) == ["other - run", "run - random weights", "run - raw pixels"]
    assert found["other - run"]["linear AUROC"]["value"] < 0
    assert found["run - random weights"]["linear AUROC"]["low"] > 0


def test_each_number_is_named() -> None:
    (line,) = format_differences(measure(0.6, 0.7))
    assert "linear: -" in line
    assert "linear AUROC: -" in line
