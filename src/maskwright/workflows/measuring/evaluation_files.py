"""What an evaluation leaves on disk beside its numbers: figures, and the files of probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskwright.evaluation.answers import read_rows
from maskwright.support.files import write_bytes
from maskwright.visual.confusion import confusion_figure
from maskwright.visual.depth import depth_figure
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import slug


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
                save_picture(path, _draw_confusion(report, name, probe))
                paths.append(path)

    # Accuracy by depth is one figure for all encoders, baselines among them.
    by_layer = {
        name: by_probe["layers"]["by_layer"]
        for name, by_probe in results.items()
        if "layers" in by_probe
    }
    if by_layer:
        path = Path(f"{stem}-by_depth.png")
        save_picture(
            path, depth_figure(by_layer, f"Linear probe after each block, {report['data']}")
        )
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
                    write_bytes(path, content)
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


def _labels(result: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    """The names of the rows of a confusion; a label without a name stands for itself."""
    names = []
    for label in result["labels"]:
        names.append(classes[label] if label < len(classes) else str(label))
    return names
