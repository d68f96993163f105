"""A finished study's report in the form to keep under git: without the paths of this machine."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.studies.design import PLAN
from maskwright.studies.record import StudyRecord
from maskwright.studies.report.page import MARKDOWN, MOST_BYTES, RECORD, REPORT, write_report
from maskwright.studies.report.published import read_report
from maskwright.studies.report.runs import NO_PICTURES
from maskwright.studies.trial import TRIALS
from maskwright.studies.voting.quote import add_votes
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.study_settings import PublishSettings

# An absolute path, but not the tail of an address (https://...) or of a relative path.
_PATH = re.compile(r"(?<![\w:/.])/(?:[^/\s'\"]+/)+([^/\s'\"]+)")


@takes(PublishSettings, "study", "place")
def publish(settings: PublishSettings, reporter: Reporter | None = None) -> Path:
    """Write the report of a finished study's folder to another folder, free of this machine's
    paths, and return its page.

    A published report may be made anew as this version writes it, also in its own place. Numbers,
    words and figures come from study.json, and what had come from run folders (curves, pictures,
    masks, diagnostics) from the page as it is. Warns of a file over 2 MB, which is too much for
    git.

    Raises MaskwrightError for a folder without a study, or with trials to run.
    """
    reporter = reporter or usual_reporter()
    study = Path(settings.study)
    place = Path(settings.place)
    # A vote may have ended after the study.
    finished = add_votes(_finished(study), study, reporter)
    record = StudyRecord.from_dict(_without_paths(finished.to_dict()))
    # A published report has no plan to run and no trials.
    is_report = not (study / PLAN).exists() and not (study / TRIALS).exists()
    if place.resolve() == study.resolve() and not is_report:
        raise MaskwrightError(
            f"'{place}' is the study's own folder, whose study.json keeps the paths; choose another"
            " place."
        )
    is_whole = is_report and (study / REPORT).exists() and (study / MARKDOWN).exists()
    # Read before anything is written, because the new report may replace the old one.
    kept = read_report(study / REPORT, study / MARKDOWN) if is_whole else None
    if kept is not None and not settings.pictures:
        kept = replace(kept, pictures=NO_PICTURES)
    page = write_report(record, place, runs=study, pictures=settings.pictures, kept=kept)
    for name in (REPORT, MARKDOWN, RECORD):
        # A report that is too large is written all the same, but not in silence.
        size = (place / name).stat().st_size
        reporter.say(f"{place / name}  {size / 1e6:.2f} MB")
        if size > MOST_BYTES:
            reporter.warn(
                f"{name} is larger than {MOST_BYTES / 1e6:g} MB, the most that a file under git"
                " should have; keep it elsewhere."
            )
    return page


def _finished(study: Path) -> StudyRecord:
    """The record of a study's folder, all of whose trials have ended."""
    again = f"maskwright study {study / PLAN} --out {study}"
    if not (study / RECORD).exists():
        if (study / PLAN).exists():
            raise MaskwrightError(
                f"The study in '{study}' has no {RECORD} yet: run it first: {again}"
            )
        raise MaskwrightError(
            f"'{study}' holds no study: it has no {RECORD}. Give the folder that `study` or"
            " `compare` wrote."
        )
    record = StudyRecord.load(study / RECORD)
    left = sum(trial.state in ("waiting", "running") for trial in record.trials)
    if left:
        raise MaskwrightError(
            f"{left} of {len(record.trials)} trials of '{study}' are still to run; go on first:"
            f" {again}"
        )
    return record


def _without_paths(value: Any) -> Any:
    """The same plain values with absolute paths cut down: `/home/me/photos` becomes `photos`."""
    if isinstance(value, str):
        return _PATH.sub(r"\1", value)
    if isinstance(value, dict):
        return {_without_paths(key): _without_paths(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_paths(item) for item in value]
    return value
