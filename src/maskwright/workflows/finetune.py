"""Fine-tuning: an encoder, labeled pictures, a run folder, and numbers on the test pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.training.trackers import check_trackers
from maskwright.workflows.finetuning.folds import folds_of, train_each_fold
from maskwright.workflows.finetuning.run import Finetuned, train_classifier
from maskwright.workflows.finetuning.task import FinetuneTask
from maskwright.workflows.loading.labeled_settings import labeled_settings
from maskwright.workflows.runs.resuming import (
    check_has_checkpoint,
    check_unfinished,
    refuse_changes,
)
from maskwright.workflows.runs.run_folder import RunFolder, default_folder, prepare_folder
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.finetune_options import FINETUNE, FinetuneOptions
from maskwright.workflows.settings.finetune_settings import SECTION, build_finetune_settings

__all__ = ["Finetuned", "finetune"]


@takes(FINETUNE, "run", "data")
def finetune(
    options: FinetuneOptions, reporter: Reporter | None = None, **settings: Any
) -> Finetuned:
    """Train a classifier from the encoder of a run or weight file on labeled pictures, and answer
    the test pictures once.

    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or usual_reporter()
    if options.resume:
        given = {"run": options.run, "data": options.data, **settings}
        return _resume(options.out, given, options.assignments, reporter)
    if options.run is None or options.data is None:
        raise MaskwrightError(
            "Fine-tuning takes an encoder and labeled pictures: maskwright finetune RUN --data"
            " LABELED."
        )
    # Each fold is data of its own.
    folds = [options.data] if options.fold is None else folds_of(options.data, str(options.fold))
    # Set-apart pictures belong to the data as a whole, so the fold takes its place afterwards.
    labeled = labeled_settings(options, options.data, options.run, trained={})
    labeled = replace(labeled, data=folds[0] if len(folds) == 1 else labeled.data)
    task = FinetuneTask(
        run=options.run,
        labeled=replace(labeled, shots=None if options.shots is None else str(options.shots)),
        settings=build_finetune_settings(settings, options.assignments, options.recipe),
        from_scratch=options.from_scratch,
        device=options.device,
    )
    check_trackers(task.settings.track, reporter)
    if options.out:
        folder = RunFolder(options.out)
    else:
        kind = "scratch" if options.from_scratch else SECTION
        folder = default_folder(Path(labeled.data).stem, Path(task.run).name, kind)
    # Refused before anything is decoded.
    prepare_folder(folder, options.overwrite)
    if len(folds) > 1:
        return train_each_fold(task, folder, folds, reporter)
    return train_classifier(task, folder, reporter, resume=False)


def _resume(
    out: str | Path | None, given: Mapping[str, Any], assignments: Iterable[str], reporter: Reporter
) -> Finetuned:
    """Go on with what config.yaml says."""
    if out is None:
        raise MaskwrightError(
            "--resume needs the run to go on with: maskwright finetune --resume --out RUN."
        )
    folder = RunFolder(out)
    check_unfinished(folder)
    # A pretraining has other sections, and another way on.
    written = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    if SECTION not in written:
        raise MaskwrightError(
            f"{folder} is no fine-tuning; go on with: maskwright pretrain --resume --out {folder}."
        )
    task = FinetuneTask.from_dict(written[SECTION])
    folds = folder.status().get("folds")
    # Data may lie elsewhere now: whether it is the same is seen by its content.
    if given["data"] is not None and folds is None:
        task = task.on_data(str(given["data"]))
    _refuse_changes(task, given, assignments)
    if folds is not None:
        return train_each_fold(task, folder, folds, reporter)
    check_has_checkpoint(folder)
    return train_classifier(task, folder, reporter, resume=True)


def _refuse_changes(
    task: FinetuneTask, given: Mapping[str, Any], assignments: Iterable[str]
) -> None:
    """A resumed run keeps its settings; say which ones differ."""
    # These are no settings of the section, but they too must stay.
    arguments = {"run": task.run, "data": task.labeled.data}
    named = {
        name: value for name, value in given.items() if value is not None and name not in arguments
    }
    # Built, so that `0.50` and `0.5` are the same value.
    built = build_finetune_settings(named, assignments).to_dict()
    assigned = [text.partition("=")[0].strip().removeprefix(f"{SECTION}.") for text in assignments]
    asked = {name: built[name] for name in (*named, *assigned)}
    asked |= {name: str(given[name]) for name in arguments if given[name] is not None}
    refuse_changes({**task.settings.to_dict(), **arguments}, asked, "Use --out NEW.")
