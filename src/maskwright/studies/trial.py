"""One trial from its settings to its record: train or go on, measure, write down."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.data.store.lock import exclusive
from maskwright.studies.budget import spent
from maskwright.studies.design import NOT_AT_HAND
from maskwright.studies.measuring import measure_run
from maskwright.studies.plan import StudyPlan
from maskwright.studies.record import TrialRecord
from maskwright.support.environment import describe_device, pick_device, versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json
from maskwright.support.reporting import Reporter, log
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.pretrain import pretrain
from maskwright.workflows.run import Run
from maskwright.workflows.runs.run_folder import RunFolder, now, slug

RECORD, TRIALS = "trial.json", "trials"
QUIET: Mapping[str, Any] = {"track": ["none"], "knn_every": 0, "sample_every": 1_000_000}
"""Trackers, measurements and pictures while training: only where the plan sets them."""


class TrialStopped(Exception):
    """The training was stopped from outside; the run can go on later."""


def trial_folder(folder: Path, plan: StudyPlan, arm: str, seed: int) -> Path:
    """Where a trial lives: trials/<number of the arm>-<arm>-seed<seed>."""
    # The number keeps arms apart whose names differ in letters that no folder can have.
    number = [candidate.name for candidate in plan.arms].index(arm)
    return folder / TRIALS / f"{number}-{slug(arm)}-seed{seed}"


def run_trial(
    plan: StudyPlan,
    folder: Path,
    arm: str,
    seed: int,
    length: Mapping[str, Any],
    reporter: Reporter,
) -> TrialRecord:
    """Run one trial to its record, done or failed; one that is done already is only read.

    folder: the study's folder.
    length: the settings that the budget decides, or why there are none.

    Raises TrialStopped when the training was stopped from outside.
    """
    trial = trial_folder(folder, plan, arm, seed)
    # A worker that was taken for dead may still be at it on another machine.
    with exclusive(trial / ".lock"):
        known = read_trial(trial)
        if known is not None and known.state == "done":
            return known
        # Written only when it has ended; until then the ledger says that it runs.
        run = str((trial / "run").relative_to(folder))
        record = TrialRecord(
            study=plan.name, arm=arm, seed=seed, state="running", started=now(), run=run
        )
        try:
            record = _run(plan, trial, record, length, reporter)
        except (KeyboardInterrupt, TrialStopped):
            raise
        except Exception as error:
            # Whatever went wrong, the other trials go on, and the record says what it was.
            log.exception("trial %s with seed %d failed", arm, seed)
            context = _context("auto")
            record = replace(record, state="failed", error=_format(error), ended=now(), **context)
        write_json(trial / RECORD, record.to_dict())
    return record


def read_trial(trial: Path) -> TrialRecord | None:
    """The record in a trial's folder, or None when it has not ended."""
    file = trial / RECORD
    return TrialRecord.from_dict(read_json(file)) if file.exists() else None


def kept_records(folder: Path) -> list[TrialRecord]:
    """The records of all trials that have ended, from their folders, which are the truth."""
    files = sorted((folder / TRIALS).glob(f"*/{RECORD}"))
    return [TrialRecord.from_dict(read_json(file)) for file in files]


def _run(
    plan: StudyPlan, trial: Path, record: TrialRecord, length: Mapping[str, Any], reporter: Reporter
) -> TrialRecord:
    """Train and measure; the record of a trial that is done."""
    if NOT_AT_HAND in length:
        raise MaskwrightError(str(length[NOT_AT_HAND]))
    run = _train(plan, trial, record, length, reporter)
    measured = measure_run(run, plan.measures, reporter)
    # A training that diverged fails here instead of spoiling the mean of its arm.
    main = plan.measures.main_metric.name
    if not math.isfinite(measured.numbers.get(main, math.nan)):
        raise MaskwrightError(
            f"{main} came out as {measured.numbers.get(main)}, so there is nothing to compare."
        )
    settings = run.settings
    return replace(
        record,
        state="done",
        numbers=measured.numbers,
        per_image=measured.per_image,
        compute=spent(run.status, settings, model_config(settings)),
        settings=settings.to_flat(),
        ended=now(),
        **_context(settings.run.device),
    )


def _train(
    plan: StudyPlan, trial: Path, record: TrialRecord, length: Mapping[str, Any], reporter: Reporter
) -> Run:
    """A finished training: done before, resumed, or run from its beginning."""
    folder = RunFolder(trial / "run")
    if folder.exists and folder.status()["state"] == "finished":
        return Run(folder)
    if folder.exists and folder.last.exists():
        run = pretrain(resume=True, out=folder.path, checkup=False, reporter=reporter)
    else:
        # A worker was killed before there was anything to go on with.
        if folder.path.exists() and not folder.exists:
            shutil.rmtree(folder.path)
        arm = plan.arm(record.arm)
        extra = {**QUIET, **_loud_settings(plan, record.arm), **length}
        settings = plan.settings(arm, record.seed, **extra).to_flat()
        settings["out"] = folder.path
        run = pretrain(**settings, overwrite=folder.exists, checkup=False, reporter=reporter)
    if run.status["state"] != "finished":
        raise TrialStopped
    return run


def _loud_settings(plan: StudyPlan, arm: str) -> dict[str, Any]:
    """What the plan says about the things that trials do without by default."""
    settings = {**plan.base, **plan.arm(arm).settings}
    return {name: settings[name] for name in QUIET if name in settings}


def _context(device: str) -> dict[str, Any]:
    """What the trial was made with."""
    known = versions()
    return {
        "versions": known,
        "commit": known["commit"],
        "hardware": describe_device(pick_device(device)),
    }


def _format(error: Exception) -> str:
    # Our own errors are sentences; the name of another one is half of what it says.
    return str(error) if isinstance(error, MaskwrightError) else f"{type(error).__name__}: {error}"
