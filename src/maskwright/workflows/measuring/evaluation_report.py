"""What an evaluation reports: a table with intervals, paired differences, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from maskwright.evaluation.answers import read_rows
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.support.files import write_atomic
from maskwright.visual.confusion import confusion_figure
from maskwright.visual.depth import depth_figure
from maskwright.visual.png import to_png_bytes
from maskwright.workflows.measuring.text_columns import align_columns
from maskwright.workflows.runs.run_folder import slug

# {encoder name: {probe: result}}
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


# More probes than this do not fit beside each other on a line.
MOST_PER_LINE = 2
# Short names are padded to this width, so that single lines stand below each other.
NAME_WIDTH = 16


def format_results(results: Results) -> list[str]:
    """One line per encoder for up to two probes, else a table of top-1 with a row per probe."""
    # In the order of the command line; raw pixels lack some.
    probes: dict[str, None] = {}
    for by_probe in results.values():
        probes |= dict.fromkeys(by_probe)
    if len(probes) > MOST_PER_LINE:
        rows = [["top-1", *results]]
        for probe in probes:
            cells = [_format_cell(by_probe.get(probe)) for by_probe in results.values()]
            rows.append([probe, *cells])
        return align_columns(rows, gap=3)

    width = max([NAME_WIDTH, *map(len, results)])
    lines = []
    for name, by_probe in results.items():
        parts = [f"{probe}: {_format(result)}" for probe, result in by_probe.items()]
        lines.append(f"  {name:<{width}} " + "   ".join(parts))
    return lines


def _format_cell(result: Mapping[str, Any] | None) -> str:
    """Top-1 with its interval; `-` where an encoder was not measured so."""
    if result is None:
        return "-"
    text = _format_interval(result["top1"])
    if result.get("spread") is not None:
        text += f" +-{result['spread']:.3f}"
    if result.get("layer") is not None:
        text += f" block {result['layer']}"
    return text


def _format(result: Mapping[str, Any]) -> str:
    """All that one probe measured, on a line."""
    parts = []
    for key, title in (("top1", "top-1"), ("top5", "top-5"), ("auroc", "AUROC")):
        if result.get(key) is not None:
            parts.append(f"{title} {_format_interval(result[key])}")
    if result.get("spread") is not None:
        parts.append(f"(+-{result['spread']:.3f} over {len(result['by_draw'])} draws)")
    if result.get("layer") is not None:
        parts.append(f"at block {result['layer']} of {len(result['by_layer'])}")
    return " ".join(parts)


def _format_interval(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]"


def measure_differences(
    results: Results, tested: Mapping[str, tuple[str, ...]], seed: int
) -> dict[str, Any]:
    """Every encoder minus the first one, by probe, with paired bootstrap intervals.

    Top-1 under the probe's own name, top-5 under `PROBE top5`. The same test images are drawn for
    both. Left out where the images differ or a probe does not say which it got right.

    tested: the keys of the test images of each encoder.
    """
    first, *others = results
    differences: dict[str, Any] = {}
    for name in others:
        # Encoders of other sizes may skip other pictures, and then no pairs can be made.
        if tested[name] != tested[first]:
            continue
        for probe, result in results[name].items():
            pairs = _paired_answers(probe, result, results[first].get(probe, {}))
            for title, change in pairs.items():
                pair = differences.setdefault(f"{name} - {first}", {})
                pair[title] = bootstrap_interval(change, seed).to_dict()
    return differences


def _paired_answers(
    probe: str, result: Mapping[str, Any], reference: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """Right answers minus the reference's (n,) under the names of their differences."""
    pairs = {}
    # Probes that average over draws have no single answer per image.
    for key, title in (("correct", probe), ("correct_top5", f"{probe} top5")):
        if result.get(key) and reference.get(key):
            pairs[title] = _rights(result[key]) - _rights(reference[key])
    return pairs


def format_differences(differences: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """One line per pair: the differences in top-1 and top-5 with their intervals."""
    width = max([NAME_WIDTH, *map(len, differences)])
    lines = []
    for pair, by_probe in differences.items():
        parts = [f"{probe}: {_format_signed(value)}" for probe, value in by_probe.items()]
        lines.append(f"  {pair:<{width}} " + "   ".join(parts))
    return lines


def _format_signed(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:+.3f} [{interval['low']:+.3f}, {interval['high']:+.3f}]"


def save_figures(report: Mapping[str, Any], names: Sequence[str], stem: Path) -> list[Path]:
    """Write confusion and per-class accuracy of each probe and encoder, and accuracy by depth.

    report: what `evaluate` saves.
    names: the encoders whose confusion is drawn, without baselines.
    stem: what the names of the files begin with.
    """
    results = report["results"]
    paths = []
    for name in names:
        for probe, result in results[name].items():
            # Few-shot probes keep no confusion: each draw has another.
            if "confusion" in result:
                path = Path(f"{stem}-confusion-{slug(name)}-{slug(probe)}.png")
                _save(path, _draw_confusion(report, name, probe))
                paths.append(path)

    # Accuracy by depth is one figure for all encoders, baselines among them.
    by_layer = {
        name: by_probe["layers"]["by_layer"]
        for name, by_probe in results.items()
        if "layers" in by_probe
    }
    if by_layer:
        path = Path(f"{stem}-by_depth.png")
        _save(path, depth_figure(by_layer, f"Linear probe after each block, {report['data']}"))
        paths.append(path)
    return paths


def _draw_confusion(report: Mapping[str, Any], name: str, probe: str) -> Any:
    result = report["results"][name][probe]
    title = (
        f"{probe} of {name} on {report['data']}: top-1 {result['top1']['value']:.1%}, n"
        f" = {result['num_test']:,}"
    )
    labels = _labels(result, report["classes"])
    return confusion_figure(read_rows(result["confusion"]), labels, title)


def _save(path: Path, figure: Any) -> None:
    """Write a figure as PNG; a file that is broken off half-way never stands there."""
    content = to_png_bytes(figure)

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomic(path, write)


def _labels(result: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    """The names of the rows of a confusion; a label without a name stands for itself."""
    names = []
    for label in result["labels"]:
        names.append(classes[label] if label < len(classes) else str(label))
    return names


def _rights(digits: str) -> torch.Tensor:
    """(n,) float64 of a string with a digit per image, as `Answers.to_dict` writes it."""
    return torch.tensor([int(digit) for digit in digits], dtype=torch.float64)
