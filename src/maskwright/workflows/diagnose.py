"""Asking encoders what they see: one figure and one JSON file for each diagnostic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.diagnostics.diagnostic import Diagnostic
from maskwright.diagnostics.findings import Findings
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled import find_split
from maskwright.workflows.loading.labeled_settings import labeled_settings
from maskwright.workflows.measuring.diagnose_pictures import find_extra_pictures
from maskwright.workflows.measuring.diagnosis import DiagnosedSubject, DiagnosisContext
from maskwright.workflows.measuring.diagnosis_report import format_diagnosis, write_diagnosis
from maskwright.workflows.measuring.subjects import (
    RANDOM,
    load_encoders,
    shortest_names,
)
from maskwright.workflows.runs.locate import home_of
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.diagnose_settings import DiagnoseSettings


@takes(DiagnoseSettings, "runs", "on")
def diagnose(
    settings: DiagnoseSettings, reporter: Reporter | None = None
) -> dict[str, list[Findings]]:
    """Ask runs or checkpoints, beside random weights and raw pixels, what they see.

    Leaves OUT/<test>.png and OUT/<test>.json for each test and returns the findings by test.
    Raises MaskwrightError when something does not fit.
    """
    reporter = reporter or usual_reporter()
    # What the user wrote is checked before anything is loaded.
    questions = build_diagnostics(settings.tests)
    paths = [settings.runs] if isinstance(settings.runs, (str, Path)) else list(settings.runs)
    _refuse_twice(paths)
    target = pick_device(settings.device)
    encoders = load_encoders(paths, shortest_names(paths), settings.on, target)
    trained = encoders[0].settings
    pictures = labeled_settings(settings, settings.on, paths[0], trained, "--on LABELED")
    split = find_split(pictures, reporter)
    given = {
        "stimuli": settings.stimuli,
        "textures": settings.textures,
        "stylized": settings.stylized,
    }
    extras = find_extra_pictures(questions, given, split)
    context = DiagnosisContext(split, extras, target, settings.seed, reporter)
    subjects = context.prepare_all(encoders, settings.baselines)
    _say_pictures(subjects[0], context)

    # Part of each test's JSON file.
    about: dict[str, Any] = {"data": pictures.data, "split": split.how}
    about |= {"limit": settings.limit, "seed": settings.seed}
    about["seen"] = context.report_seen(paths, subjects, pictures.data)
    folder = Path(settings.out) if settings.out is not None else _home(paths[0]) / "diagnose"
    return _ask_all(questions, context, subjects, folder, about)


def _ask_all(
    questions: Mapping[str, Diagnostic],
    context: DiagnosisContext,
    subjects: Sequence[DiagnosedSubject],
    folder: Path,
    about: Mapping[str, Any],
) -> dict[str, list[Findings]]:
    """Ask every question in turn, and leave and say each answer as soon as it is there."""
    answers = {}
    for name, question in questions.items():
        diagnosis = context.measure(name, question, subjects)
        answers[name] = diagnosis.findings
        # Each test is written as soon as it is done, so that a later failure loses nothing.
        write_diagnosis(folder / name, question, diagnosis, about)
        for line in [*format_diagnosis(diagnosis), f"Written to {folder / name}.png and .json"]:
            context.reporter.say(line)
    return answers


def _refuse_twice(runs: Sequence[str | Path]) -> None:
    # Two columns with the same numbers say nothing.
    if len(set(map(str, runs))) != len(runs):
        raise MaskwrightError("A run is named twice; name each once.")


def _home(run: str | Path) -> Path:
    return Path(RANDOM) if str(run) == RANDOM else home_of(run)


def _say_pictures(first: DiagnosedSubject, context: DiagnosisContext) -> None:
    context.reporter.say(
        f"{len(first.subject.train):,} pictures to fit probes on, {len(first.test):,} to test on,"
        f" {context.split.how}"
    )
