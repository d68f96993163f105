"""A fine-tuning in its run folder: train, export the classifier, measure it, put all on record."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from maskwright.models.classifier import Classifier
from maskwright.patches import PixelScale
from maskwright.support.count_progress import format_time
from maskwright.support.environment import describe_device, pick_device, versions
from maskwright.support.files import write_json, write_text
from maskwright.support.plurals import count_of
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.classifier_file import save_classifier
from maskwright.weights.opening import load_encoder
from maskwright.workflows.finetuning.data import (
    FinetuneData,
    build_classifier,
    build_finetune_data,
    open_pictures,
)
from maskwright.workflows.finetuning.fit import FinetuneRun, build_finetune_run, fit_classifier
from maskwright.workflows.finetuning.report import best_classifier, format_answers, report_answers
from maskwright.workflows.finetuning.task import FinetuneTask
from maskwright.workflows.loading.labeled import Labeled
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.loading.seen import report_seen
from maskwright.workflows.runs.compute_cost import format_count
from maskwright.workflows.runs.locate import load_any_encoder
from maskwright.workflows.runs.run_folder import RunFolder, logged, now, slug
from maskwright.workflows.runs.run_log import mirrored_log
from maskwright.workflows.runs.same_pictures import (
    check_same_data,
    check_same_parts,
    facts_of_pictures,
)
from maskwright.workflows.settings.finetune_settings import SECTION

_NEW_RUN = "start a new run"


@dataclass(frozen=True)
class Finetuned:
    """What came out.

    path: the run folder, with exported/classifier.safetensors and eval/.
    report: the numbers.
    """

    path: Path
    report: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """A fine-tuning that is ready to train.

    task: what config.yaml holds.
    folder: of the run.
    loaded: the encoder as it came.
    labeled: the pictures.
    described: what every checkpoint says of the training.
    run: module and batches.
    """

    task: FinetuneTask
    folder: RunFolder
    loaded: LoadedEncoder
    labeled: Labeled
    described: dict[str, Any]
    run: FinetuneRun

    @property
    def data(self) -> FinetuneData:
        return self.run.data


def train_classifier(
    task: FinetuneTask, folder: RunFolder, reporter: Reporter, *, resume: bool
) -> Finetuned:
    """A training in its folder, the state in run.json true whatever happens."""
    with logged(folder):
        try:
            return _train_and_measure(task, folder, reporter, resume)
        except BaseException as error:
            # An error before the run began leaves an earlier state as it is.
            if folder.exists and folder.status()["state"] == "running":
                folder.fail(error)
            raise


def _train_and_measure(
    task: FinetuneTask, folder: RunFolder, reporter: Reporter, resume: bool
) -> Finetuned:
    prepared = _prepare(task, folder, reporter, resume)
    # Everything that can be refused has been refused by now.
    run = prepared.run
    with mirrored_log(folder, task.settings.track, task.to_dict()[SECTION], reporter) as run_log:
        finished = fit_classifier(run, run_log, reporter, resume=resume)
    spent = {
        "seconds": round(run.module.clock.seconds, 2),
        "step": folder.metrics()[-1]["step"],
        "ended": now(),
        **run.module.totals(),
    }
    if not finished:
        folder.update_status(state="stopped", **spent)
        reporter.say(
            f"Stopped at step {spent['step']:,}; nothing is lost. Go on with: maskwright finetune"
            f" --resume --out {folder}"
        )
        return Finetuned(folder.path, {})

    # The classifier is safe on disk before anything is measured.
    classifier = best_classifier(run.data, run.module, folder)
    where = save_classifier(
        folder.exported / "classifier.safetensors",
        classifier,
        prepared.loaded.scale,
        {**prepared.described, "classes": list(run.data.classes)},
    )
    report = _measure(prepared, classifier, reporter)
    path = folder.eval / f"finetune-{slug(prepared.labeled.name)}.json"
    write_json(path, {**report, "made": now(), "versions": versions()})
    # Which answers were right is a long list; run.json does without it.
    result = {name: value for name, value in report.items() if name != "correct"}
    folder.update_status(state="finished", **spent, result=result)
    elapsed = format_time(run.module.clock.seconds)
    reporter.say(f"Finished {count_of(spent['step'], 'step')} in {elapsed}; {where}")
    reporter.say(f"{format_answers(report)}; written to {path}")
    return Finetuned(folder.path, report)


def _prepare(task: FinetuneTask, folder: RunFolder, reporter: Reporter, resume: bool) -> _Prepared:
    """Load the encoder, open the pictures, build what trains, and put the beginning on record."""
    # A resumed run has the shape of its own checkpoint, wherever the encoder is now.
    loaded = load_encoder(folder.last) if resume else load_any_encoder(task.run)
    # Pictures and their order must be those of the beginning.
    labeled = _open_labeled(task, loaded, reporter)
    if resume:
        check_same_data(labeled.fingerprint, task.labeled.data, folder, _NEW_RUN)
    # Numbers the classes and holds a part out, by the seed alone.
    device = pick_device(task.device)
    data = build_finetune_data(labeled.train, task.settings, task.labeled.seed, device)
    if resume:
        check_same_parts(data.train, data.held, folder, _NEW_RUN)
    model = build_classifier(loaded, data, task.from_scratch)
    _record_begin(task, folder, labeled, data, reporter)
    if resume:
        folder.update_status(state="running")
    else:
        _record_new(task, folder, labeled, data, model, reporter)
    # Enough to open a checkpoint without its run, and to read pictures as here.
    described = {
        "data": task.labeled.data,
        "labels": task.labeled.labels,
        "value_range": labeled.train.value_range,
        SECTION: task.to_dict()[SECTION],
    }
    return _Prepared(
        task=task,
        folder=folder,
        loaded=loaded,
        labeled=labeled,
        described=described,
        run=build_finetune_run(data, model, loaded.scale, described),
    )


def _open_labeled(task: FinetuneTask, loaded: LoadedEncoder, reporter: Reporter) -> Labeled:
    """The pictures, read under the range that the encoder was trained with."""
    # Stated values count over those of the encoder.
    reading = reading_for(loaded.settings, task.labeled.value_range, task.labeled.pages)
    settings = dataclasses.replace(task.labeled, value_range=reading.value_range)
    return open_pictures(settings, loaded.model.config, reporter)


def _measure(prepared: _Prepared, classifier: Classifier, reporter: Reporter) -> dict[str, Any]:
    """Answer the test pictures; the report with what a reader must know of it."""
    task, labeled = prepared.task, prepared.labeled
    scale: PixelScale = prepared.loaded.scale
    answers = report_answers(prepared.data, classifier, scale, labeled.test, task.from_scratch)
    # Random weights have seen nothing.
    seen = None
    if not task.from_scratch:
        seen = report_seen(task.run, labeled.test, task.labeled.data, reporter)
    return {"data": labeled.name, "how": labeled.how, "run": task.run, "seen": seen, **answers}


def _record_begin(
    task: FinetuneTask, folder: RunFolder, labeled: Labeled, data: FinetuneData, reporter: Reporter
) -> None:
    """Say what is learned from; write config.yaml, also when resumed: the data may have moved."""
    held = ""
    if data.held is not None:
        held = f", {len(data.held):,} held out to choose the epoch"
    reporter.say(
        f"{len(data.train):,} pictures of {len(data.classes)} classes to learn from{held},"
        f" {len(labeled.test):,} to test on: {labeled.how}"
    )
    heading = (
        f"# Repeat: maskwright finetune {task.run} --data {task.labeled.data} --recipe"
        f" {folder.config} --out NEW\n"
    )
    write_text(folder.config, heading + yaml.safe_dump(task.to_dict(), sort_keys=False))


def _record_new(
    task: FinetuneTask,
    folder: RunFolder,
    labeled: Labeled,
    data: FinetuneData,
    model: Classifier,
    reporter: Reporter,
) -> None:
    """Say what is trained, and write run.json."""
    settings = data.settings
    parameters = sum(value.numel() for value in model.parameters())
    length = count_of(settings.epochs or 0, "epoch")
    if settings.minutes is not None:
        length = count_of(settings.minutes, "minute")
    start = "random weights" if task.from_scratch else task.run
    reporter.say(
        f"classifier on {start}, {format_count(parameters)} parameters; {length} of batches of"
        f" {settings.batch_size}, learning rate {settings.lr:.2g}, layer decay"
        f" {settings.layer_decay:g}; writing to {folder}"
    )
    folder.update_status(
        state="running",
        kind=SECTION,
        started=now(),
        seed=data.seed,
        device=describe_device(data.device),
        **facts_of_pictures(labeled.fingerprint, data.train, data.held),
        pictures=len(data.train),
        parameters=parameters,
        step=0,
        epoch=0,
        versions=versions(),
    )
