"""The ten folds of STL-10: their names, and how far the results of several lie apart."""

from __future__ import annotations

import math
from typing import Any

import yaml

from maskwright.support.environment import versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json, write_text
from maskwright.support.reporting import Reporter
from maskwright.workflows.finetuning.run import Finetuned, train_classifier
from maskwright.workflows.finetuning.task import FinetuneTask
from maskwright.workflows.runs.run_folder import RunFolder, now, slug
from maskwright.workflows.settings.finetune_settings import SECTION

NUM_FOLDS = 10


def folds_of(data: str, fold: str) -> list[str]:
    """The data of a fold of STL-10, which has ten of 1,000 training pictures, or of `all`."""
    if not data.lower().startswith("torchvision:stl10"):
        raise MaskwrightError(
            f"Folds are those of torchvision:STL10; '{data}' has none. Leave out --fold, or use"
            " --shots."
        )
    # Refused here, before anything is downloaded.
    if fold != "all" and not (fold.isdigit() and int(fold) < NUM_FOLDS):
        raise MaskwrightError(f"fold is 0 to {NUM_FOLDS - 1}, or all; got '{fold}'.")
    numbers = range(NUM_FOLDS) if fold == "all" else [int(fold)]
    return [f"{data}?fold={number}" for number in numbers]


def format_spread(values: list[float]) -> str:
    """Mean and standard deviation over folds."""
    mean = sum(values) / len(values)
    # Of a sample, as papers on STL-10 report it.
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
    return f"{mean:.3f} +- {deviation:.3f} over {len(values)} folds"


def train_each_fold(
    task: FinetuneTask, folder: RunFolder, folds: list[str], reporter: Reporter
) -> Finetuned:
    """A training per fold in a folder of its own; those that are finished are not repeated."""
    # The folder of all folds has the settings; each fold has a run of its own.
    write_text(folder.config, yaml.safe_dump(task.to_dict(), sort_keys=False))
    folder.update_status(
        state="running", kind=SECTION, folds=folds, started=now(), versions=versions()
    )
    reports: list[dict[str, Any]] = []
    for data in folds:
        fold_folder = RunFolder(folder.path / slug(data.partition("?")[2]))
        reporter.say(f"{data} ({len(reports) + 1} of {len(folds)})")
        # A killed series of folds goes on where it was.
        if fold_folder.exists and fold_folder.status()["state"] == "finished":
            reports.append(fold_folder.status()["result"])
            continue
        resume = fold_folder.last.exists()
        trained = train_classifier(task.on_data(data), fold_folder, reporter, resume=resume)
        reports.append(trained.report)

    # The number of papers: mean and deviation over the folds.
    values = [report["top1"]["value"] for report in reports]
    spread = format_spread(values)
    report = {
        "probe": SECTION,
        "top1": sum(values) / len(values),
        "spread": spread,
        "folds": dict(zip(folds, values, strict=True)),
    }
    path = folder.eval / "finetune-folds.json"
    write_json(path, {**report, "results": reports})
    folder.update_status(state="finished", ended=now())
    reporter.say(f"top-1 {spread}; written to {path}")
    return Finetuned(folder.path, report)
