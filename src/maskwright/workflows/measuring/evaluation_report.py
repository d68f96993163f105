"""What an evaluation says in the end: a table with intervals, paired differences, and figures."""

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
from maskwright.workflows.runs.run_folder import slug

Results = Mapping[str, Mapping[str, Mapping[str, Any]]]


def format_results(results: Results) -> list[str]:
    """One line per encoder for up to two probes; else a table with a row per probe, a column per
    encoder and top-1 in the cells.
    """
    probes = list(dict.fromkeys(probe for by_probe in results.values() for probe in by_probe))
    if len(probes) > 2:
        cells = [[_short(by_probe.get(probe)) for by_probe in results.values()] for probe in probes]
        return _aligned(
            [
                ["top-1", *results],
                *([probe, *row] for probe, row in zip(probes, cells, strict=True)),
            ]
        )
    width = max([16, *map(len, results)])
    lines = []
    for name, by_probe in results.items():
        parts = [f"{probe}: {_format(result)}" for probe, result in by_probe.items()]
        lines.append(f"  {name:<{width}} " + "   ".join(parts))
    return lines


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  "
        + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _short(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return "-"
    value = result["top1"]
    words = f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
    if result.get("spread") is not None:
        words += f" +-{result['spread']:.3f}"
    return words + (f" block {result['layer']}" if result.get("layer") is not None else "")


def _format(result: Mapping[str, Any]) -> str:
    words = []
    for key, title in (("top1", "top-1"), ("top5", "top-5"), ("auroc", "AUROC")):
        value = result.get(key)
        if value is not None:
            words.append(f"{title} {value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]")
    if result.get("spread") is not None:
        words.append(f"(+-{result['spread']:.3f} over {len(result['by_draw'])} draws)")
    if result.get("layer") is not None:
        words.append(f"at block {result['layer']} of {len(result['by_layer'])}")
    return " ".join(words)


def measure_differences(
    results: Results, tested: Mapping[str, tuple[str, ...]], seed: int
) -> dict[str, Any]:
    """Top-1 of every encoder minus the first one's, by probe, with a bootstrap interval over the
    same test images drawn for both.

    Left out where the images differ or a probe does not say which it got right.
    """
    names = list(results)
    first, rest = names[0], names[1:]
    found: dict[str, Any] = {}
    for name in rest:
        if tested[name] != tested[first]:
            continue
        for probe, result in results[name].items():
            other = results[first].get(probe, {})
            if result.get("correct") and other.get("correct"):
                interval = bootstrap_interval(
                    _rights(result["correct"]) - _rights(other["correct"]), seed
                )
                found.setdefault(f"{name} - {first}", {})[probe] = interval.to_dict()
    return found


def format_differences(differences: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """One line per pair: the difference in top-1 with its interval."""
    width = max([16, *map(len, differences)])
    return [
        f"  {name:<{width}} "
        + "   ".join(
            f"{probe}: {value['value']:+.3f} [{value['low']:+.3f}, {value['high']:+.3f}]"
            for probe, value in by_probe.items()
        )
        for name, by_probe in differences.items()
    ]


def save_figures(report: Mapping[str, Any], names: Sequence[str], place: Path) -> list[Path]:
    """Write confusion and per-class accuracy of each probe and encoder (not the trivial ones), and
    accuracy by depth of all.

    place: what the names of the files begin with.
    """
    results, classes = report["results"], report["classes"]
    paths = []
    for name in names:
        for probe, result in results[name].items():
            if "confusion" in result:
                labels = _labels(result, classes)
                title = (
                    f"{probe} of {name} on {report['data']}: top-1 {result['top1']['value']:.1%}, n"
                    f" = {result['num_test']:,}"
                )
                figure = confusion_figure(read_rows(result["confusion"]), labels, title)
                paths.append(Path(f"{place}-confusion-{slug(name)}-{slug(probe)}.png"))
                write_atomic(paths[-1], _writer(to_png_bytes(figure)))
    by_layer = {
        name: by_probe["layers"]["by_layer"]
        for name, by_probe in results.items()
        if "layers" in by_probe
    }
    if by_layer:
        paths.append(Path(f"{place}-by_depth.png"))
        write_atomic(
            paths[-1],
            _writer(
                to_png_bytes(
                    depth_figure(by_layer, f"Linear probe after each block, {report['data']}")
                )
            ),
        )
    return paths


def _labels(result: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    return [classes[label] if label < len(classes) else str(label) for label in result["labels"]]


def _rights(digits: str) -> torch.Tensor:
    return torch.tensor([int(digit) for digit in digits], dtype=torch.float64)


def _writer(content: bytes) -> Any:
    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    return write
