"""Asking encoders what they see: diagnostics on runs, random weights and raw pixels, one figure and
one JSON for each.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.diagnostics.diagnostic import (
    ComparesSubjects,
    Diagnostic,
    DiagnosticPictures,
    MeasuresOnce,
)
from maskwright.diagnostics.findings import Findings, format_number
from maskwright.diagnostics.subject import Pictures, Subject
from maskwright.support.environment import pick_device, pick_precision, versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.support.seeding import torch_generator
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.loading.labeled import Split, find_split
from maskwright.workflows.loading.labeled_settings import LabeledSettings, labeled_settings
from maskwright.workflows.loading.seen import tell_seen, test_apart
from maskwright.workflows.measuring.diagnose_pictures import (
    Stimuli,
    StorePictures,
    find_stimuli,
    open_both,
)
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.locate import home_of, load_any_encoder
from maskwright.workflows.runs.run_folder import now

WHAT = {
    "stimuli": "PLACE, pictures named <shape>/<shape>1-<texture>2.png, such as cue-conflict.zip",
    "textures": "PLACE, a folder or archive with one folder per texture",
}
"""What the pictures are that a test wants beside --on, by flag."""


@dataclass(frozen=True)
class Asked:
    """One subject with the pictures at its size."""

    subject: Subject
    material: DiagnosticPictures
    is_baseline: bool


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
    """Ask runs or checkpoints, with random weights and raw pixels beside them, the questions named
    in `tests`.

    on: labeled pictures, as for `evaluate` (default: the data of the first run).
    stimuli: cue-conflict pictures.
    textures: labeled pictures of textures. Leaves OUT/<test>.png and OUT/<test>.json for each test
        (OUT: <first run>/diagnose) and returns the findings by test.

    Raises MaskwrightError when something does not fit.
    """
    reporter = reporter or LogReporter()
    places = [runs] if isinstance(runs, (str, Path)) else list(runs)
    questions = build_diagnostics(tests)
    loaded = _load(places)
    first = next(iter(loaded.values()))
    wanted = labeled_settings(
        first.settings,
        on,
        "--on LABELED",
        labels=labels,
        train_split=train_split,
        test_split=test_split,
        limit=limit,
        seed=seed,
        value_range=value_range,
        pages=pages,
        test_of=test_apart(places[0], first.settings, on),
    )
    split = find_split(wanted, reporter)
    extras = _find_extras(questions, {"stimuli": stimuli, "textures": textures}, wanted)
    bench = Bench(split, extras, pick_device(device), seed, reporter)
    asked = _subjects(loaded, bench, baselines)
    test = asked[0].material.test
    reporter.say(
        f"{len(asked[0].subject.train):,} pictures to fit probes on, {len(test):,} to test on,"
        f" {split.how}"
    )
    folder = Path(out) if out is not None else home_of(places[0]) / "diagnose"
    about = {
        "data": wanted.data,
        "split": split.how,
        "limit": limit,
        "seed": seed,
        "seen": _tell_seen(places, asked, wanted.data, reporter),
    }
    return {
        name: _answer(name, question, bench, asked, folder, about)
        for name, question in questions.items()
    }


def _tell_seen(
    places: Sequence[str | Path], asked: Sequence[Asked], data: str, reporter: Reporter
) -> dict[str, Any]:
    """How many test pictures each run was trained on, by its name."""
    runs = [one for one in asked if not one.is_baseline]
    return {
        one.subject.name: tell_seen(place, one.material.test.store, data, reporter)
        for place, one in zip(places, runs, strict=True)
        if isinstance(one.material.test, StorePictures)
    }


def _answer(
    name: str,
    question: Diagnostic,
    bench: Bench,
    asked: Sequence[Asked],
    folder: Path,
    about: dict[str, Any],
) -> list[Findings]:
    """Ask one question, leave its figure and JSON, and say what came out."""
    findings = bench.ask(name, question, asked)
    _write(folder, name, question, findings, about)
    for line in [*format_findings(findings), f"Written to {folder / name}.png and .json"]:
        bench.reporter.say(line)
    return findings


def format_findings(findings: Sequence[Findings]) -> list[str]:
    """A table with a row for each number and a column for each subject, then the control and the
    times.
    """
    names = list(dict.fromkeys(name for one in findings for name in one.numbers))
    cells = [["", *(one.subject for one in findings)]]
    cells += [
        [
            name,
            *(format_number(one.numbers[name]) if name in one.numbers else "-" for one in findings),
        ]
        for name in names
    ]
    cells.append(["seconds", *(f"{one.seconds:.1f}" for one in findings)])
    widths = [max(len(row[column]) for row in cells) for column in range(len(findings) + 1)]
    lines = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    notes = [f"  {one.subject}: {note}" for one in findings for note in dict.fromkeys(one.notes)]
    return [findings[0].diagnostic, *lines, *notes, f"  {findings[0].control}"]


def _load(places: Sequence[str | Path]) -> dict[str, LoadedEncoder]:
    """Encoders by the shortest names that tell them apart."""
    texts = [str(place) for place in places]
    if len(set(texts)) != len(texts):
        raise MaskwrightError("A run is named twice; name each once.")
    return {
        name: load_any_encoder(place)
        for name, place in zip(short_names(texts), places, strict=True)
    }


def short_names(places: Sequence[str]) -> list[str]:
    """The last folders of each path, as few as tell all of them apart; names such as timm:NAME stay
    whole.
    """
    most = max(len(Path(place).parts) for place in places)
    for count in range(1, most + 1):
        short = [
            "/".join(Path(place).parts[-count:]) if Path(place).exists() else place
            for place in places
        ]
        if len(set(short)) == len(short):
            return short
    return list(places)


def _find_extras(
    questions: Mapping[str, Diagnostic],
    given: Mapping[str, str | None],
    asked: LabeledSettings,
) -> dict[str, Split | Stimuli]:
    """Open what the questions want beside the test pictures; raises MaskwrightError for what was
    not given, or given for nobody.
    """
    wanted = {want: name for name, question in questions.items() for want in question.wants}
    for want, name in wanted.items():
        if given.get(want) is None:
            raise MaskwrightError(f"{name} needs --{want} {WHAT[want]}.")
    for flag, place in given.items():
        if place is not None and flag not in wanted:
            raise MaskwrightError(
                f"--{flag} is used by none of the tests {', '.join(questions)}; leave it out or add"
                " the test that needs it."
            )
    found: dict[str, Split | Stimuli] = {}
    for want in wanted:
        place = str(given[want])
        textures = LabeledSettings(
            data=place, limit=asked.limit, seed=asked.seed, value_range=asked.value_range
        )
        found[want] = (
            find_stimuli(place, asked.limit, asked.seed, textures.reading)
            if want == "stimuli"
            else find_split(textures)
        )
    return found


def _subjects(loaded: Mapping[str, LoadedEncoder], bench: Bench, baselines: bool) -> list[Asked]:
    """Every encoder; then random weights for each shape of encoder, and raw pixels at the size of
    the first.
    """
    asked = [bench.seat(name, one, one.model) for name, one in loaded.items()]
    if not baselines:
        return asked
    shapes: dict[str, str] = {}
    for name, one in loaded.items():
        shapes.setdefault(str(one.model.config), name)
    for name in shapes.values():
        one = loaded[name]
        model = type(one.model)(one.model.config, torch_generator(0, "random weights")).eval()
        title = "random weights" if len(shapes) == 1 else f"random, as {name}"
        asked.append(bench.seat(title, one, model, is_baseline=True))
    return [*asked, bench.seat("raw pixels", next(iter(loaded.values())), None, is_baseline=True)]


@dataclass(frozen=True)
class Bench:
    """What all subjects of a diagnosis share."""

    split: Split
    extras: Mapping[str, Split | Stimuli]
    device: torch.device
    seed: int
    reporter: Reporter

    def seat(self, name: str, like: LoadedEncoder, model: Any, is_baseline: bool = False) -> Asked:
        """A subject with all pictures at its size."""
        config = like.model.config
        size, channels = config.image_size, config.channels
        train, test = open_both(self.split, size, channels, self.reporter)
        extra: dict[str, Pictures] = {}
        for want, source in self.extras.items():
            if isinstance(source, Split):
                extra[f"{want}_train"], extra[f"{want}_test"] = open_both(
                    source, size, channels, self.reporter
                )
            else:
                extra[want] = source.open(size, channels, self.reporter)
        precision = torch.bfloat16 if pick_precision(self.device) == "bf16-mixed" else torch.float32
        subject = Subject(
            name=name, model=model, scale=like.scale, image_size=size, patch_size=config.patch_size, train=train, device=self.device,
            precision=precision, seed=self.seed,
        )  # fmt: skip
        return Asked(subject, DiagnosticPictures(test=test, extra=extra), is_baseline)

    def ask(self, name: str, question: Diagnostic, asked: Sequence[Asked]) -> list[Findings]:
        """One question to all subjects, and what it has to say when it has heard them all."""
        if isinstance(question, MeasuresOnce):
            return question.measure_once(asked[0].subject, asked[0].material, self.seed)
        findings = []
        for at, one in enumerate(asked):
            self.reporter.progress(name, at, len(asked), one.subject.name)
            findings.append(question.measure(one.subject, one.material, self.seed))
        self.reporter.finish()
        if isinstance(question, ComparesSubjects):
            findings = question.compare(
                findings, [one.subject.name for one in asked if one.is_baseline], self.seed
            )
        return findings


def _write(
    folder: Path,
    name: str,
    question: Diagnostic,
    findings: Sequence[Findings],
    about: dict[str, Any],
) -> None:
    begun = time.perf_counter()
    save_picture(folder / f"{name}.png", question.figure(findings))
    drawing = time.perf_counter() - begun
    report = {
        "diagnostic": name,
        **about,
        "made": now(),
        "versions": versions(),
        "seconds_drawing": round(drawing, 3),
    }
    write_json(folder / f"{name}.json", {**report, "findings": [one.to_dict() for one in findings]})
