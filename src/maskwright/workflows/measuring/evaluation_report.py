"""What an evaluation reports in words: a table with intervals, and paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.segmentation_scores import miou_difference
from maskwright.support.text_table import format_table

# {encoder name: {probe: result}}
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


# Numbers of results in the order in which they are shown, and their titles; the first that a result
# has stands for it in tables.
NUMBERS = {
    "top1": "top-1",
    "top5": "top-5",
    "auroc": "AUROC",
    "miou": "mIoU",
    "accuracy": "pixels right",
    "r2": "R2",
    "mae": "MAE",
}
# More probes than this do not fit beside each other on a line.
MOST_PER_LINE = 2
# Short names are padded to this width, so that single lines stand below each other.
NAME_WIDTH = 16


def format_results(results: Results) -> list[str]:
    """One line per encoder for up to two probes, else a table with a row per probe."""
    # In the order of the command line; raw pixels lack some.
    probes: dict[str, None] = {}
    for by_probe in results.values():
        probes |= dict.fromkeys(by_probe)
    if len(probes) > MOST_PER_LINE:
        rows = [["", *results]]
        for probe in probes:
            measured = [by_probe.get(probe) for by_probe in results.values()]
            number = next(_main_number(result) for result in measured if result is not None)
            cells = [_format_cell(result) for result in measured]
            rows.append([f"{probe}, {NUMBERS[number]}", *cells])
        return format_table(rows, gap=3)

    width = max([NAME_WIDTH, *map(len, results)])
    lines = []
    for name, by_probe in results.items():
        parts = [f"{probe}: {_format(result)}" for probe, result in by_probe.items()]
        lines.append(f"  {name:<{width}} " + "   ".join(parts))
    return lines


def _format_cell(result: Mapping[str, Any] | None) -> str:
    """The main number with its interval; `-` where an encoder was not measured so."""
    if result is None:
        return "-"
    text = _format_interval(result[_main_number(result)])
    if result.get("spread") is not None:
        text += f" +-{result['spread']:.3f}"
    if result.get("layer") is not None:
        text += f" block {result['layer']}"
    return text


def _format(result: Mapping[str, Any]) -> str:
    """All that one probe measured, on a line."""
    parts = []
    for key, title in NUMBERS.items():
        if result.get(key) is not None:
            parts.append(f"{title} {_format_interval(result[key])}")
    if result.get("spread") is not None:
        parts.append(f"(+-{result['spread']:.3f} over {len(result['by_draw'])} draws)")
    if result.get("layer") is not None:
        parts.append(f"at block {result['layer']} of {len(result['by_layer'])}")
    return " ".join(parts)


def _main_number(result: Mapping[str, Any]) -> str:
    return next(key for key in NUMBERS if result.get(key) is not None)


def _format_interval(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def measure_differences(
    results: Results, tested: Mapping[str, tuple[str, ...]], seed: int
) -> dict[str, Any]:
    """Every encoder minus the first, by probe, with paired bootstrap intervals.

    Of top-1, of mean IoU, or of the mean absolute error; top-5 under `PROBE top5`. The same test
    images are drawn for both. Left out where the images differ or a probe does not say what it made
    of each.

    tested: the keys of the test images of each encoder.
    """
    first, *others = results
    differences: dict[str, Any] = {}
    for name in others:
        # Encoders of other sizes may skip other pictures, and then no pairs can be made.
        if tested[name] != tested[first]:
            continue
        for probe, result in results[name].items():
            for title, key in ((probe, "correct"), (f"{probe} top5", "correct_top5")):
                difference = _difference(result, results[first].get(probe, {}), key, seed)
                if difference is not None:
                    differences.setdefault(f"{name} - {first}", {})[title] = difference
    return differences


def _difference(
    result: Mapping[str, Any], reference: Mapping[str, Any], key: str, seed: int
) -> dict[str, Any] | None:
    """The difference of two results on the same images; None where they say too little.

    key: where results of classes have right or wrong per image.
    """
    # Each task keeps another thing of every image; `of` names other numbers than top-1.
    if result.get(key) and reference.get(key):
        rights = _rights(result[key]) - _rights(reference[key])
        return bootstrap_interval(rights, seed).to_dict()
    # Other tasks have one number, which is not repeated as a top-5.
    if key != "correct" or result["num_test"] != reference.get("num_test"):
        return None
    if result.get("pixels") and reference.get("pixels"):
        interval = miou_difference(result["pixels"], reference["pixels"], seed)
        return interval.to_dict() | {"of": "miou"}
    if result.get("errors") and reference.get("errors"):
        errors = torch.tensor(result["errors"], dtype=torch.float64)
        interval = bootstrap_interval(errors - torch.tensor(reference["errors"]).double(), seed)
        return interval.to_dict() | {"of": "mae"}
    return None


def format_differences(differences: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """One line per pair: the differences with their intervals."""
    width = max([NAME_WIDTH, *map(len, differences)])
    lines = []
    for pair, by_probe in differences.items():
        parts = [f"{probe}: {_format_signed(value)}" for probe, value in by_probe.items()]
        lines.append(f"  {pair:<{width}} " + "   ".join(parts))
    return lines


def _format_signed(interval: Mapping[str, Any]) -> str:
    of = f" {NUMBERS[interval['of']]}" if "of" in interval else ""
    return f"{interval['value']:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]{of}"


def _rights(digits: str) -> torch.Tensor:
    """(n,) float64 of a string with a digit per image, as `Answers.to_dict` writes it."""
    return torch.tensor([int(digit) for digit in digits], dtype=torch.float64)
