"""Differences of encoders on the same test images, with paired bootstrap intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.ranking_scores import auroc_difference
from maskwright.evaluation.segmentation_scores import miou_difference
from maskwright.workflows.measuring.evaluation_report import NUMBERS, Results, lines_of_probes

Result = Mapping[str, Any]
Difference = dict[str, Any]


def measure_differences(
    results: Results,
    tested: Mapping[str, Sequence[str]],
    seed: int,
    baselines: Collection[str] = (),
) -> dict[str, Any]:
    """Every encoder minus the first, and the first minus every baseline, by probe.

    Of top-1, of mean IoU, or of the mean absolute error; top-5 and AUROC under `PROBE top5` and
    `PROBE AUROC`. The same test images are drawn for both. Left out where the images differ or a
    probe does not say what it made of each.

    tested: the keys of the test images of each encoder.
    baselines: names of random weights and raw pixels among the results.

    Returns {"NAME - REFERENCE": {title: {value, low, high, of}}}.
    """
    first, *others = results
    differences: dict[str, Any] = {}
    for other in others:
        # Encoders of other sizes may skip other pictures, and then no pairs can be made.
        if tested[other] != tested[first]:
            continue
        # What was trained stands first, so that a plus is its gain; of errors, a minus is.
        name, reference = (first, other) if other in baselines else (other, first)
        measured: dict[str, Difference] = {}
        for probe, result in results[name].items():
            measured |= _differences(probe, result, results[reference].get(probe, {}), seed)
        if measured:
            differences[f"{name} - {reference}"] = measured
    return differences


def _differences(probe: str, result: Result, reference: Result, seed: int) -> dict[str, Difference]:
    """What can be compared of two results on the same images, by title."""
    found: dict[str, Difference] = {}
    # A probe that tests other pictures than those of the test set says which.
    if result.get("tested") != reference.get("tested"):
        return found
    # Each task keeps other things of every image; `of` names other numbers than top-1.
    if _both("correct", result, reference):
        found[probe] = _rights_difference("correct", result, reference, seed)
    if _both("correct_top5", result, reference):
        found[f"{probe} top5"] = _rights_difference("correct_top5", result, reference, seed)
    if _both("margins", result, reference):
        found[f"{probe} AUROC"] = _auroc_difference(result, reference, seed)
    if found or result["num_test"] != reference.get("num_test"):
        return found

    if _both("pixels", result, reference):
        found[probe] = miou_difference(result["pixels"], reference["pixels"], seed).to_dict()
        found[probe]["of"] = "miou"
    elif _both("errors", result, reference):
        errors = _numbers(result["errors"]) - _numbers(reference["errors"])
        found[probe] = bootstrap_interval(errors, seed).to_dict() | {"of": "mae"}
    return found


def _both(key: str, result: Result, reference: Result) -> bool:
    return bool(result.get(key)) and bool(reference.get(key))


def _rights_difference(key: str, result: Result, reference: Result, seed: int) -> Difference:
    """Of a share of right answers, kept as a digit per image."""
    rights = _numbers(map(int, result[key])) - _numbers(map(int, reference[key]))
    return bootstrap_interval(rights, seed).to_dict()


def _auroc_difference(result: Result, reference: Result, seed: int) -> Difference:
    is_positive = np.array([digit == "1" for digit in result["positive"]])
    margins = np.array(result["margins"]), np.array(reference["margins"])
    return auroc_difference(*margins, is_positive, seed).to_dict()


def _numbers(values: Any) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float64)


def format_differences(differences: Results) -> list[str]:
    """One line per pair: the differences with their intervals."""
    return lines_of_probes(differences, _format_signed)


def _format_signed(interval: Mapping[str, Any]) -> str:
    of = f" {NUMBERS[interval['of']]}" if "of" in interval else ""
    return f"{interval['value']:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]{of}"
