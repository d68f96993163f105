"""What an evaluation reports: a table with intervals, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskwright.evaluation.answers import read_rows
from maskwright.support.files import write_atomic
from maskwright.visual.confusion import confusion_figure
from maskwright.visual.depth import depth_figure
from maskwright.visual.png import to_png_bytes
from maskwright.workflows.measuring.text_columns import align_columns
from maskwright.workflows.runs.run_folder import slug

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
        return align_columns(rows, gap=3)

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


def save_files(
    files: Mapping[str, Mapping[str, Mapping[str, bytes]]], stem: Path, figures: bool
) -> list[Path]:
    """Write what probes left beside their numbers.

    files: by encoder, probe and the last part of the file's name.
    stem: what the names of the files begin with.
    figures: whether those are written too.
    """
    paths = []
    for name, by_probe in files.items():
        for probe, by_ending in by_probe.items():
            # Options may hold whole paths; several probes of one kind are told apart by number.
            kind = probe.partition("(")[0]
            same = [other for other in by_probe if other.partition("(")[0] == kind]
            number = f"-{same.index(probe) + 1}" if len(same) > 1 else ""
            for ending, content in by_ending.items():
                if figures or not ending.endswith(".png"):
                    path = Path(f"{stem}-{slug(name)}-{kind}{number}.{ending.partition('.')[2]}")
                    _save_bytes(path, content)
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
    """Write a figure as PNG."""
    _save_bytes(path, to_png_bytes(figure))


def _save_bytes(path: Path, content: bytes) -> None:
    """Write a file; one that is broken off half-way never stands there."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomic(path, write)


def _labels(result: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    """The names of the rows of a confusion; a label without a name stands for itself."""
    names = []
    for label in result["labels"]:
        names.append(classes[label] if label < len(classes) else str(label))
    return names
