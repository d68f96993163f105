"""Asking encoders what they see: one figure and one JSON file for each diagnostic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.diagnostics.findings import Findings
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.workflows.loading.labeled import find_split, labeled_settings
from maskwright.workflows.loading.seen import test_apart
from maskwright.workflows.measuring.diagnose_pictures import find_extra_pictures
from maskwright.workflows.measuring.diagnosis import DiagnosedSubject, DiagnosisContext
from maskwright.workflows.measuring.diagnosis_report import format_findings, write_findings
from maskwright.workflows.measuring.subjects import RANDOM, load_encoders, shortest_names
from maskwright.workflows.runs.locate import home_of


def diagnose(
    runs: str | Path | Sequence[str | Path],
    on: str | None = None,
    *,
    tests: str = "lowpass,highpass",
    stimuli: str | None = None,
    textures: str | None = None,
    labels: str | None = None,
    train_split: str | None = None,
    test_split: str | None = None,
    limit: int | None = None,
    baselines: bool = True,
    out: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    value_range: str | None = None,
    pages: str | None = None,
    reporter: Reporter | None = None,
) -> dict[str, list[Findings]]:
    """Ask runs or checkpoints, beside random weights and raw pixels, what they see.

    Leaves OUT/<test>.png and OUT/<test>.json for each test (OUT: <first run>/diagnose) and returns
    the findings by test.

    on: labeled pictures, as for `evaluate` (default: the data of the first run).
    tests: names of `maskwright list diagnostics` with options.
    stimuli: cue-conflict pictures.
    textures: labeled pictures of textures.

    Raises MaskwrightError when something does not fit.
    """
    reporter = reporter or LogReporter()
    # What the user wrote is checked before anything is loaded.
    questions = build_diagnostics(tests)
    paths = [runs] if isinstance(runs, (str, Path)) else list(runs)
    _refuse_twice(paths)
    target = pick_device(device)
    encoders = load_encoders(paths, shortest_names(paths), on, target)
    # Pictures are those of the first run, unless others are named.
    pictures = labeled_settings(
        encoders[0].settings,
        on,
        "--on LABELED",
        labels=labels,
        train_split=train_split,
        test_split=test_split,
        limit=limit,
        seed=seed,
        value_range=value_range,
        pages=pages,
        test_of=test_apart(paths[0], encoders[0].settings, on),
    )
    split = find_split(pictures, reporter)
    extras = find_extra_pictures(questions, {"stimuli": stimuli, "textures": textures}, pictures)
    context = DiagnosisContext(split, extras, target, seed, reporter)
    subjects = context.prepare_all(encoders, baselines)
    _say_pictures(subjects[0], context)

    # The same for all tests, and part of each JSON file.
    about = {
        "data": pictures.data,
        "split": split.how,
        "limit": limit,
        "seed": seed,
        "seen": context.tell_seen(paths, subjects, pictures.data),
    }
    folder = Path(out) if out is not None else _home(paths[0]) / "diagnose"
    answers = {}
    for name, question in questions.items():
        findings = context.measure(name, question, subjects)
        # Each test is written as soon as it is done, so that a later failure loses nothing.
        write_findings(folder / name, question, findings, about)
        for line in [*format_findings(findings), f"Written to {folder / name}.png and .json"]:
            reporter.say(line)
        answers[name] = findings
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
