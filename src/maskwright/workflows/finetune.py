"""Fine-tuning from the first word to the exported classifier: an encoder, labeled pictures, a run
folder, numbers on the test pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from maskwright.support.environment import describe_device, pick_device, versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json, write_text
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.training.recorder import format_time
from maskwright.weights.classifier_file import save_classifier
from maskwright.weights.opening import load_encoder
from maskwright.workflows.finetuning.data import (
    FinetuneData,
    build_classifier,
    build_finetune_data,
    open_pictures,
)
from maskwright.workflows.finetuning.fit import fit_classifier
from maskwright.workflows.finetuning.folds import folds_of, format_spread
from maskwright.workflows.finetuning.report import chosen_model, format_answers, report_answers
from maskwright.workflows.loading.labeled import Labeled, LabeledSettings
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.loading.seen import tell_seen, test_apart
from maskwright.workflows.runs.compute_cost import format_count
from maskwright.workflows.runs.locate import load_any_encoder
from maskwright.workflows.runs.run_folder import (
    RunFolder,
    default_folder,
    logged,
    make_way,
    now,
    slug,
)
from maskwright.workflows.runs.same_pictures import (
    check_same_data,
    check_same_parts,
    facts_of_pictures,
)
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.finetune_options import FINETUNE, FinetuneOptions
from maskwright.workflows.settings.finetune_settings import (
    SECTION,
    FinetuneSettings,
    build_finetune_settings,
)

_NEW_RUN = "start a new run"


@dataclass(frozen=True)
class Finetuned:
    """What came out: the folder with exported/classifier.safetensors and eval/, and the numbers."""

    path: Path
    report: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One training: from what, on what, how; everything that config.yaml holds."""

    run: str
    asked: LabeledSettings
    settings: FinetuneSettings
    from_scratch: bool
    device: str

    def to_dict(self) -> dict[str, Any]:
        told = {
            **dataclasses.asdict(self.asked),
            "run": self.run,
            "from_scratch": self.from_scratch,
            "device": self.device,
        }
        return {SECTION: {**told, **self.settings.to_dict()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> _Task:
        asked = LabeledSettings(
            **{
                item.name: values.get(item.name, item.default)
                for item in dataclasses.fields(LabeledSettings)
            }
        )
        settings = FinetuneSettings(
            **{item.name: values[item.name] for item in dataclasses.fields(FinetuneSettings)}
        )
        return cls(
            run=values["run"],
            asked=asked,
            settings=settings,
            from_scratch=values["from_scratch"],
            device=values["device"],
        )


@takes(FINETUNE, "run", "data")
def finetune(
    options: FinetuneOptions, reporter: Reporter | None = None, **settings: Any
) -> Finetuned:
    """Train a classifier from the encoder of a run or weight file on labeled pictures, and answer
    the test pictures once.

    Raises MaskwrightError for what a user can mend.
    """
    reporter = reporter or LogReporter()
    if options.resume:
        return _resume(
            options.out,
            {"run": options.run, "data": options.data, **settings},
            options.assignments,
            reporter,
        )
    if options.run is None or options.data is None:
        raise MaskwrightError(
            "Fine-tuning takes an encoder and labeled pictures: maskwright finetune RUN --data"
            " LABELED."
        )
    folds = [options.data] if options.fold is None else folds_of(options.data, str(options.fold))
    asked = LabeledSettings(
        data=folds[0] if len(folds) == 1 else options.data,
        labels=options.labels,
        train_split=options.train_split,
        test_split=options.test_split,
        shots=None if options.shots is None else str(options.shots),
        limit=options.limit,
        seed=options.seed,
        value_range=options.value_range,
        pages=options.pages or "first",
        test_of=test_apart(options.run, {}, options.data),
    )
    chosen = build_finetune_settings(settings, options.assignments, options.recipe)
    task = _Task(
        run=options.run,
        asked=asked,
        settings=chosen,
        from_scratch=options.from_scratch,
        device=options.device,
    )
    folder = (
        RunFolder(options.out)
        if options.out
        else default_folder(
            Path(asked.data).stem,
            Path(task.run).name,
            "scratch" if options.from_scratch else SECTION,
        )
    )
    make_way(folder, options.overwrite)
    if len(folds) > 1:
        return _each_fold(task, folder, folds, reporter)
    return _train(task, folder, reporter, resume=False)


def _resume(
    out: str | Path | None, given: Mapping[str, Any], assignments: Iterable[str], reporter: Reporter
) -> Finetuned:
    """Go on with what config.yaml says."""
    if out is None:
        raise MaskwrightError(
            "--resume needs the run to go on with: maskwright finetune --resume --out RUN."
        )
    folder = RunFolder(out)
    if folder.status()["state"] == "finished":
        raise MaskwrightError(
            f"{folder} is finished; there is nothing to resume. --overwrite starts it again, --out"
            " NEW another."
        )
    written = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    if SECTION not in written:
        raise MaskwrightError(
            f"{folder} is no fine-tuning; go on with: maskwright pretrain --resume --out {folder}."
        )
    task = _Task.from_dict(written[SECTION])
    if given["data"] is not None and "folds" not in folder.status():
        moved = dataclasses.replace(task.asked, data=str(given["data"]))  # known by its content
        task = dataclasses.replace(task, asked=moved)
    _refuse_changes(task, given, assignments)
    if "folds" in folder.status():
        return _each_fold(task, folder, folder.status()["folds"], reporter)
    if not folder.last.exists():
        raise MaskwrightError(
            f"{folder} stopped before its first checkpoint; start it again with --overwrite."
        )
    return _train(task, folder, reporter, resume=True)


def _refuse_changes(task: _Task, given: Mapping[str, Any], assignments: Iterable[str]) -> None:
    """A resumed run keeps its settings; say which ones differ."""
    doors = {"run": task.run, "data": task.asked.data}
    named = {
        name: value for name, value in given.items() if value is not None and name not in doors
    }
    asked, kept = build_finetune_settings(named, assignments).to_dict(), task.settings.to_dict()
    told = [
        *named,
        *(text.partition("=")[0].strip().removeprefix(f"{SECTION}.") for text in assignments),
    ]
    changed = [
        f"{name} ({kept[name]} there, {asked[name]} asked)"
        for name in told
        if asked[name] != kept[name]
    ]
    changed += [
        f"{name} ({doors[name]} there, {given[name]} asked)"
        for name in doors
        if given[name] is not None and str(given[name]) != doors[name]
    ]
    if changed:
        raise MaskwrightError(
            f"--resume keeps the settings of the run, but these differ: {', '.join(changed)}. Use"
            " --out NEW."
        )


def _each_fold(task: _Task, folder: RunFolder, folds: list[str], reporter: Reporter) -> Finetuned:
    """A training per fold in a folder of its own; those that are finished are not repeated."""
    write_text(folder.config, yaml.safe_dump(task.to_dict(), sort_keys=False))
    folder.update_status(
        state="running", kind=SECTION, folds=folds, started=now(), versions=versions()
    )
    reports: list[dict[str, Any]] = []
    for data in folds:
        place = RunFolder(folder.path / slug(data.partition("?")[2]))
        reporter.say(f"{data} ({len(reports) + 1} of {len(folds)})")
        one = dataclasses.replace(task, asked=dataclasses.replace(task.asked, data=data))
        if place.exists and place.status()["state"] == "finished":
            reports.append(place.status()["result"])
            continue
        reports.append(_train(one, place, reporter, resume=place.last.exists()).report)
    values = [report["top1"]["value"] for report in reports]
    spread = format_spread(values)
    report = {
        "probe": SECTION,
        "top1": sum(values) / len(values),
        "spread": spread,
        "folds": dict(zip(folds, values, strict=True)),
    }
    write_json(folder.eval / "finetune-folds.json", {**report, "results": reports})
    folder.update_status(state="finished", ended=now())
    reporter.say(f"top-1 {spread}; written to {folder.eval / 'finetune-folds.json'}")
    return Finetuned(folder.path, report)


def _train(task: _Task, folder: RunFolder, reporter: Reporter, *, resume: bool) -> Finetuned:
    """One training in its folder, the state in run.json true whatever happens."""
    with logged(folder):
        try:
            return _train_and_measure(task, folder, reporter, resume)
        except BaseException as error:
            if folder.exists and folder.status()["state"] == "running":
                folder.fail(error)
            raise


def _train_and_measure(
    task: _Task, folder: RunFolder, reporter: Reporter, resume: bool
) -> Finetuned:
    loaded = load_encoder(folder.last) if resume else load_any_encoder(task.run)
    device = pick_device(task.device)
    reading = reading_for(loaded.settings, task.asked.value_range, task.asked.pages)
    asked = dataclasses.replace(task.asked, value_range=reading.value_range)
    data = open_pictures(asked, loaded.model.config, reporter)
    if resume:
        check_same_data(data.fingerprint, task.asked.data, folder, _NEW_RUN)
    finetune_data, numbers = build_finetune_data(data.train, task.settings, task.asked.seed, device)
    if resume:
        check_same_parts(finetune_data.train, finetune_data.held, folder, _NEW_RUN)
    model = build_classifier(loaded, finetune_data, task.from_scratch)
    _begin(
        task,
        folder,
        data,
        finetune_data,
        sum(value.numel() for value in model.parameters()),
        reporter,
        resume,
    )
    described = {
        "data": task.asked.data,
        "labels": task.asked.labels,
        "value_range": data.train.value_range,
        SECTION: task.to_dict()[SECTION],
    }
    module, finished = fit_classifier(
        finetune_data, model, loaded.scale, folder, described, reporter, resume=resume
    )
    spent = {
        "seconds": round(module.clock.seconds, 2),
        "step": folder.metrics()[-1]["step"],
        "ended": now(),
        **module.totals(),
    }
    if not finished:
        folder.update_status(state="stopped", **spent)
        reporter.say(
            f"Stopped at step {spent['step']:,}; nothing is lost. Go on with: maskwright finetune"
            f" --resume --out {folder}"
        )
        return Finetuned(folder.path, {})
    chosen = chosen_model(finetune_data, module, folder)
    where = save_classifier(
        folder.exported / "classifier.safetensors",
        chosen,
        loaded.scale,
        {**described, "classes": list(finetune_data.classes)},
    )
    answers = report_answers(finetune_data, numbers, chosen, loaded, data.test, task.from_scratch)
    seen = None
    if not task.from_scratch:
        seen = tell_seen(task.run, data.test, task.asked.data, reporter)
    report = {"data": data.name, "how": data.how, "run": task.run, "seen": seen, **answers}
    path = folder.eval / f"finetune-{slug(data.name)}.json"
    write_json(path, {**report, "made": now(), "versions": versions()})
    folder.update_status(
        state="finished",
        **spent,
        result={name: value for name, value in report.items() if name != "correct"},
    )
    reporter.say(
        f"Finished {spent['step']:,} steps in {format_time(module.clock.seconds)}; {where}"
    )
    reporter.say(f"{format_answers(report)}; written to {path}")
    return Finetuned(folder.path, report)


def _begin(
    task: _Task,
    folder: RunFolder,
    data: Labeled,
    finetune_data: FinetuneData,
    parameters: int,
    reporter: Reporter,
    resume: bool,
) -> None:
    held = (
        ""
        if finetune_data.held is None
        else f", {len(finetune_data.held):,} held out to choose the epoch"
    )
    reporter.say(
        f"{len(finetune_data.train):,} pictures of {len(finetune_data.classes)} classes to learn"
        f" from{held}, {len(data.test):,} to test on: {data.how}"
    )
    heading = (
        f"# Repeat: maskwright finetune {task.run} --data {task.asked.data} --recipe"
        f" {folder.config} --out NEW\n"
    )
    write_text(folder.config, heading + yaml.safe_dump(task.to_dict(), sort_keys=False))
    if resume:  # the data may have moved
        folder.update_status(state="running")
        return
    settings = finetune_data.settings
    length = (
        f"{settings.minutes:g} minutes"
        if settings.minutes is not None
        else f"{settings.epochs:g} epochs"
    )
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
        seed=finetune_data.seed,
        device=describe_device(finetune_data.device),
        **facts_of_pictures(data.fingerprint, finetune_data.train, finetune_data.held),
        pictures=len(finetune_data.train),
        parameters=parameters,
        step=0,
        epoch=0,
        versions=versions(),
    )
