"""Asking encoders what they see: diagnostics on runs, random weights and raw pixels, one figure and one JSON for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.diagnostics.diagnostic import Comparison, Diagnostic, Material
from maskwright.diagnostics.findings import Findings, spell_number
from maskwright.diagnostics.subject import Subject
from maskwright.support.environment import pick_device, pick_precision, versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.support.seeding import torch_generator
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.diagnose_pictures import Split, find_split
from maskwright.workflows.pictures import save_picture
from maskwright.workflows.run import home_of, load_any_encoder
from maskwright.workflows.run_folder import now


@dataclass(frozen=True)
class Asked:
    """One subject with the pictures at its size."""

    subject: Subject
    material: Material


def diagnose(
    runs: str | Path | Sequence[str | Path],
    on: str | None = None,
    *,
    tests: str = "lowpass,highpass",
    labels: str | None = None,
    train_split: str | None = None,
    test_split: str | None = None,
    limit: int | None = None,
    baselines: bool = True,
    out: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    reporter: Reporter | None = None,
) -> dict[str, list[Findings]]:
    """Ask runs or checkpoints, with random weights and raw pixels beside them, the questions named in `tests`.

    on: labeled pictures, as for `evaluate` (default: the data of the first run). Leaves OUT/<test>.png and OUT/<test>.json for each
    test (OUT: <first run>/diagnose) and returns the findings by test. Raises MaskwrightError when something does not fit.
    """
    reporter = reporter or LogReporter()
    places = [runs] if isinstance(runs, (str, Path)) else list(runs)
    questions = build_diagnostics(tests)
    loaded = _load(places)
    first = next(iter(loaded.values()))
    data = on or first.settings.get("data")
    if data is None:
        raise MaskwrightError("This checkpoint does not say what it was trained on; give --on LABELED.")
    split = find_split(
        data, labels=labels or (first.settings.get("labels") if on is None else None), train=train_split, test=test_split,
        limit=limit, seed=seed,
    )  # fmt: skip
    asked = _subjects(loaded, split, pick_device(device), baselines, seed, reporter)
    test = asked[0].material.test
    reporter.say(f"{len(asked[0].subject.train):,} pictures to fit probes on, {len(test):,} to test on, {split.how}")
    folder = Path(out) if out is not None else home_of(places[0]) / "diagnose"
    findings = {}
    for name, question in questions.items():
        findings[name] = _ask(name, question, asked, seed, reporter)
        _write(folder, name, question, findings[name], {"data": str(data), "split": split.how, "limit": limit, "seed": seed})
        for line in [*spell_findings(findings[name]), f"Written to {folder / name}.png and .json"]:
            reporter.say(line)
    return findings


def spell_findings(findings: Sequence[Findings]) -> list[str]:
    """A table with a row for each number and a column for each subject, then the control and the times."""
    names = list(dict.fromkeys(name for one in findings for name in one.numbers))
    cells = [["", *(one.subject for one in findings)]]
    cells += [[name, *(spell_number(one.numbers[name]) if name in one.numbers else "-" for one in findings)] for name in names]
    cells.append(["seconds", *(f"{one.seconds:.1f}" for one in findings)])
    widths = [max(len(row[column]) for row in cells) for column in range(len(findings) + 1)]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    notes = [f"  {one.subject}: {note}" for one in findings for note in dict.fromkeys(one.notes)]
    return [findings[0].diagnostic, *lines, *notes, f"  {findings[0].control}"]


def _load(places: Sequence[str | Path]) -> dict[str, LoadedEncoder]:
    """Encoders by the shortest names that tell them apart."""
    texts = [str(place) for place in places]
    if len(set(texts)) != len(texts):
        raise MaskwrightError("A run is named twice; name each once.")
    short = [Path(text).name if Path(text).exists() else text for text in texts]
    names = [name if short.count(name) == 1 else text for name, text in zip(short, texts, strict=True)]
    return {name: load_any_encoder(place) for name, place in zip(names, places, strict=True)}


def _subjects(
    loaded: dict[str, LoadedEncoder], split: Split, device: torch.device, baselines: bool, seed: int, reporter: Reporter
) -> list[Asked]:
    """Every encoder; then random weights for each shape of encoder, and raw pixels at the size of the first."""
    asked = [_subject(name, one, one.model, split, device, seed, reporter) for name, one in loaded.items()]
    if not baselines:
        return asked
    shapes = {str(one.model.config): one for one in loaded.values()}
    for at, one in enumerate(shapes.values()):
        model = type(one.model)(one.model.config, torch_generator(0, "random weights")).eval()
        name = "random weights" if at == 0 else f"random weights {at + 1}"
        asked.append(_subject(name, one, model, split, device, seed, reporter))
    asked.append(_subject("raw pixels", next(iter(loaded.values())), None, split, device, seed, reporter))
    return asked


def _subject(name: str, like: LoadedEncoder, model: Any, split: Split, device: torch.device, seed: int, reporter: Reporter) -> Asked:
    config = like.model.config
    train, test = split.open(config.image_size, config.channels, reporter)
    precision = torch.bfloat16 if pick_precision(device) == "bf16-mixed" else torch.float32
    subject = Subject(
        name=name, model=model, scale=like.scale, image_size=config.image_size, patch_size=config.patch_size, train=train, device=device,
        precision=precision, seed=seed,
    )  # fmt: skip
    return Asked(subject, Material(test=test))


def _ask(name: str, question: Diagnostic, asked: Sequence[Asked], seed: int, reporter: Reporter) -> list[Findings]:
    if isinstance(question, Comparison):
        return question.compare(asked[0].subject, asked[0].material, seed)
    findings = []
    for at, one in enumerate(asked):
        reporter.progress(name, at, len(asked), one.subject.name)
        findings.append(question.measure(one.subject, one.material, seed))
    reporter.finish()
    return findings


def _write(folder: Path, name: str, question: Diagnostic, findings: Sequence[Findings], about: dict[str, Any]) -> None:
    begun = time.perf_counter()
    save_picture(folder / f"{name}.png", question.figure(findings))
    drawing = time.perf_counter() - begun
    report = {"diagnostic": name, **about, "made": now(), "versions": versions(), "seconds_drawing": round(drawing, 3)}
    write_json(folder / f"{name}.json", {**report, "findings": [one.to_dict() for one in findings]})
