"""Measuring encoders on labeled pictures by probes, beside random weights and raw pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maskwright.evaluation.readout import DEFAULT_READOUT, find_readout
from maskwright.support.environment import describe_device, pick_device, versions
from maskwright.support.files import hash_strings, write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.weights.hints import split_hints
from maskwright.weights.opening import is_name
from maskwright.workflows.loading.labeled import TEST_NAMES, Labeled, labeled_settings
from maskwright.workflows.loading.seen import test_apart
from maskwright.workflows.measuring.evaluation import EvaluationContext, measure_encoders
from maskwright.workflows.measuring.evaluation_report import (
    format_differences,
    format_results,
    save_figures,
)
from maskwright.workflows.measuring.probes.catalog import PROBES, parse_probes
from maskwright.workflows.measuring.subjects import RANDOM, load_encoders, name_runs
from maskwright.workflows.runs.locate import home_of
from maskwright.workflows.runs.run_folder import now, slug

__all__ = ["PROBES", "TEST_NAMES", "eval_folder", "evaluate"]

# A longer list of probes makes file names that some file systems refuse.
LONGEST_PROBES = 40


def evaluate(
    run: str | Path | Sequence[str | Path],
    data: str | None = None,
    *,
    probe: str = "knn,linear",
    shots: str | None = None,
    train_split: str | None = None,
    test_split: str | None = None,
    labels: str | None = None,
    baselines: bool = True,
    limit: int | None = None,
    figures: bool = True,
    cache: bool = True,
    out: str | Path | None = None,
    value_range: str | None = None,
    pages: str | None = None,
    device: str = "auto",
    seed: int = 0,
    features: str = DEFAULT_READOUT,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Measure the encoders of runs or checkpoints on labeled pictures.

    Returns and saves {encoder name: {probe: result}}. Splits are found by name, else a seeded,
    stratified quarter is the test set. Nothing is chosen on the test set.

    run: one, or several to compare; `random` stands for fresh weights.
    data: as for pretrain, with labels from sub-folders or a CSV (default: the run's data).
    probe: names of `maskwright list probes` with options.
    shots: `1%,5` adds few-label probes.
    cache: keep features for the next time.
    features: which blocks and parts of the picture are read (see evaluation/readout.py), of random
        weights too.
    out: folder for results (default: RUN/eval of the first).
    value_range, pages: as for pretrain (default: the first run's range).

    Raises MaskwrightError when there are no labels.
    """
    reporter = reporter or LogReporter()
    # What the user wrote is checked before anything is loaded.
    probes = parse_probes(probe, shots)
    find_readout(features)
    runs = [run] if isinstance(run, (str, Path)) else list(run)
    target = pick_device(device)
    encoders = load_encoders(runs, name_runs(runs), data, target)
    # Pictures are those of the first run, unless others are named.
    pictures = labeled_settings(
        encoders[0].settings,
        data,
        "--data LABELED",
        labels=labels,
        train_split=train_split,
        test_split=test_split,
        limit=limit,
        seed=seed,
        value_range=value_range,
        pages=pages,
        test_of=test_apart(runs[0], encoders[0].settings, data),
    )
    shared = EvaluationContext(
        pictures=pictures,
        baselines=baselines,
        cache=cache,
        device=target,
        seed=seed,
        reporter=reporter,
        readout=features,
    )
    # Encoders first, then baselines, each by all probes.
    evaluation = measure_encoders(encoders, runs, probes, shared)
    names = [encoder.name for encoder in encoders]
    report = describe_pictures(evaluation.pictures) | {
        "limit": limit,
        "value_range": evaluation.pictures.train.value_range,
        "seed": seed,
        "device": describe_device(target),
        "made": now(),
        "versions": versions(),
        "runs": {name: str(run) for name, run in zip(names, runs, strict=True)},
        **evaluation.measured,
    }
    # The name tells what was measured, so that other probes overwrite nothing.
    folder = Path(out) if out is not None else eval_folder(runs[0])
    stem = name_result(evaluation.pictures.name, list(probes), list(map(str, runs)), features)
    _write(report, names, folder / stem, figures, reporter)
    return dict(report["results"])


def _write(
    report: dict[str, Any], names: Sequence[str], stem: Path, figures: bool, reporter: Reporter
) -> None:
    """Leave the report as JSON with its figures, and say what came out."""
    # JSON first: a figure that fails must not lose the numbers.
    write_json(f"{stem}.json", report)
    drawn = save_figures(report, names, stem) if figures else []
    differences = format_differences(report["differences"]) if len(names) > 1 else []
    for line in [
        *format_results(report["results"]),
        *differences,
        f"Written to {stem}.json",
        *(f"Drawn in {path}" for path in drawn),
    ]:
        reporter.say(line)


def describe_pictures(pictures: Labeled) -> dict[str, Any]:
    """Where the pictures came from, ready for JSON."""
    return {
        "data": pictures.name,
        "protocol": pictures.how,
        "notes": list(pictures.notes),
        "classes": list(pictures.classes),
        "test_pictures_in_train": pictures.repeated,
    }


def eval_folder(run: str | Path) -> Path:
    """The folder of results: RUN/eval, or beside a checkpoint file, or named after timm:NAME."""
    if str(run) == RANDOM:
        return Path(RANDOM) / "eval"
    path = Path(split_hints(run)[0])
    if path.is_dir() or is_name(str(run)):
        return home_of(run) / "eval"
    return path.with_suffix(".eval")


def name_result(
    data: str, probes: Sequence[str], runs: Sequence[str], features: str = DEFAULT_READOUT
) -> str:
    """The name of a result's files: data, probes, and features other than the default.

    Many probes, options or runs are told apart by a hash.
    """
    joined = "-".join(probes)
    words = slug(joined) + ("" if features == DEFAULT_READOUT else f"-{features}")
    is_bare = all(probe.replace("_", "").isalpha() for probe in probes)
    if len(runs) == 1 and is_bare and len(joined) <= LONGEST_PROBES:
        return f"{slug(data)}-{words}"
    # One run is in the folder's name already, so only several need to be in the hash.
    digest = hash_strings([*probes, *(runs if len(runs) > 1 else ())])[:6]
    return f"{slug(data)}-{words}-{digest}"
