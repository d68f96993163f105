"""One trial from its settings to its record: train, or go on where an earlier worker was stopped,
measure, write down.
"""

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
"""What trials do without unless the plan asks for it: trackers, measurements and pictures while
they train.
"""


class TrialStopped(Exception):
    """Somebody asked the program to stop; the run can go on later."""


def trial_folder(folder: Path, plan: StudyPlan, arm: str, seed: int) -> Path:
    """Where a trial lives: trials/<number of the arm>-<arm>-seed<seed>, so that arms of similar
    names stay apart.
    """
    number = [one.name for one in plan.arms].index(arm)
    return folder / TRIALS / f"{number}-{slug(arm)}-seed{seed}"


def run_trial(
    plan: StudyPlan,
    folder: Path,
    arm: str,
    seed: int,
    length: Mapping[str, Any],
    reporter: Reporter,
) -> TrialRecord:
    """Run one trial to its record, done or failed; one that is done already is read,
    not run again.

    length: the settings that the budget decides, or why there are none.

    Raises TrialStopped when the training was asked to stop.
    """
    place = trial_folder(folder, plan, arm, seed)
    with exclusive(place / ".lock"):
        known = read_trial(place)
        if known is not None and known.state == "done":
            return known
        record = TrialRecord(
            study=plan.name,
            arm=arm,
            seed=seed,
            state="running",
            started=now(),
            run=str((place / "run").relative_to(folder)),
        )
        try:
            record = _run(plan, place, record, length, reporter)
        except (KeyboardInterrupt, TrialStopped):
            raise
        except Exception as error:
            log.exception("trial %s with seed %d failed", arm, seed)
            record = replace(
                record, state="failed", error=_format(error), ended=now(), **_context("auto")
            )
        write_json(place / RECORD, record.to_dict())
    return record


def read_trial(place: Path) -> TrialRecord | None:
    """The record in a trial's folder, or None when it has not ended."""
    return TrialRecord.from_dict(read_json(place / RECORD)) if (place / RECORD).exists() else None


def kept_records(folder: Path) -> list[TrialRecord]:
    """The records of all trials that have ended, from their folders, which are the truth."""
    found = [read_trial(path.parent) for path in sorted((folder / TRIALS).glob(f"*/{RECORD}"))]
    return [record for record in found if record is not None]


def _run(
    plan: StudyPlan, place: Path, record: TrialRecord, length: Mapping[str, Any], reporter: Reporter
) -> TrialRecord:
    if NOT_AT_HAND in length:
        raise MaskwrightError(str(length[NOT_AT_HAND]))
    run = _train(plan, place, record, length, reporter)
    measured = measure_run(run, plan.measures, reporter)
    settings = run.settings
    main = plan.measures.main_metric.name
    if not math.isfinite(measured.numbers.get(main, math.nan)):
        raise MaskwrightError(
            f"{main} came out as {measured.numbers.get(main)}, so there is nothing to compare."
        )
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
    plan: StudyPlan, place: Path, record: TrialRecord, length: Mapping[str, Any], reporter: Reporter
) -> Run:
    """A finished training: found, gone on with, or begun."""
    folder = RunFolder(place / "run")
    if folder.exists and folder.status()["state"] == "finished":
        return Run(folder)
    if folder.exists and folder.last.exists():
        run = pretrain(resume=True, out=folder.path, reporter=reporter)
    else:
        if folder.path.exists() and not folder.exists:
            shutil.rmtree(
                folder.path
            )  # a worker was killed before there was anything to go on with
        given = plan.settings(
            plan.arm(record.arm), record.seed, **{**QUIET, **_asked(plan, record.arm), **length}
        ).to_flat()
        run = pretrain(**{**given, "out": folder.path}, overwrite=folder.exists, reporter=reporter)
    if run.status["state"] != "finished":
        raise TrialStopped
    return run


def _asked(plan: StudyPlan, arm: str) -> dict[str, Any]:
    """What the plan says about the things that trials do without by default."""
    own = {**plan.base, **plan.arm(arm).settings}
    return {name: own[name] for name in QUIET if name in own}


def _context(device: str) -> dict[str, Any]:
    known = versions()
    return {
        "versions": known,
        "commit": known["commit"],
        "hardware": describe_device(pick_device(device)),
    }


def _format(error: Exception) -> str:
    return str(error) if isinstance(error, MaskwrightError) else f"{type(error).__name__}: {error}"
