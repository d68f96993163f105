"""Measuring encoders on labeled pictures: several probes, beside random weights and raw pixels,
under one protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maskwright.evaluation.readout import DEFAULT_READOUT, find_readout
from maskwright.support.environment import describe_device, pick_device, versions
from maskwright.support.files import hash_strings, write_json
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.weights.hints import split_hints
from maskwright.weights.opening import is_name
from maskwright.workflows.loading.labeled import Labeled
from maskwright.workflows.loading.labeled_settings import labeled_settings
from maskwright.workflows.loading.seen import tell_seen, test_apart
from maskwright.workflows.loading.split_names import TEST_NAMES
from maskwright.workflows.measuring.bench import Bench, Probe
from maskwright.workflows.measuring.evaluation_report import (
    format_differences,
    format_results,
    measure_differences,
    save_figures,
)
from maskwright.workflows.measuring.probes.catalog import PROBES, parse_probes
from maskwright.workflows.measuring.subjects import RANDOM, benches, load_subjects
from maskwright.workflows.runs.locate import home_of
from maskwright.workflows.runs.run_folder import now, slug

__all__ = ["PROBES", "TEST_NAMES", "eval_folder", "evaluate"]


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
    """Measure the encoders of runs or checkpoints on labeled pictures; returns and saves {encoder
    name: {probe: result}}.

    run: one, or several to compare; `random` stands for fresh weights.
    data: as for pretrain, with labels from sub-folders or a CSV (default: the run's data).
    probe: names of `maskwright list probes` with options.
    shots: `1%,5` adds few-label probes. Splits are found by name, else a seeded, stratified quarter
        is the test set. Nothing is chosen on the test set.
    cache: keep features for the next time.
    features: which blocks and parts of the picture are read (see evaluation/readout.py), of random
        weights too.
    out: folder for results (default: RUN/eval of the first).
    value_range, pages: as for pretrain (default: the first run's range).

    Raises MaskwrightError when there are no labels.
    """
    reporter = reporter or LogReporter()
    probes = parse_probes(probe, shots)
    find_readout(features)
    runs = [run] if isinstance(run, (str, Path)) else list(run)
    chosen = pick_device(device)
    subjects = load_subjects(runs, data, chosen)
    own = subjects[0].loaded.settings
    asked = labeled_settings(
        own,
        data,
        "--data LABELED",
        labels=labels,
        train_split=train_split,
        test_split=test_split,
        limit=limit,
        seed=seed,
        value_range=value_range,
        pages=pages,
        test_of=test_apart(runs[0], own, data),
    )
    each = benches(
        subjects,
        asked,
        baselines=baselines,
        cache=cache,
        device=chosen,
        seed=seed,
        reporter=reporter,
        readout=features,
    )
    places = dict(zip((subject.name for subject in subjects), runs, strict=True))
    pictures, measured = _measure_each(each, probes, places, asked.data, seed, reporter)
    report = describe_pictures(pictures) | {
        "limit": limit,
        "value_range": pictures.train.value_range,
        "seed": seed,
        "device": describe_device(chosen),
        "made": now(),
        "versions": versions(),
        "runs": {name: str(place) for name, place in places.items()},
        **measured,
    }
    place = (Path(out) if out is not None else eval_folder(runs[0])) / name_result(
        pictures.name, list(probes), [str(one) for one in runs], features
    )
    _write(report, [subject.name for subject in subjects], place, figures, reporter)
    return dict(report["results"])


def _measure_each(
    each: Iterable[tuple[Bench, Labeled]],
    probes: Mapping[str, Probe],
    places: Mapping[str, str | Path],
    data: str,
    seed: int,
    reporter: Reporter,
) -> tuple[Labeled, dict[str, Any]]:
    """The pictures of the first subject, and the results of all with their differences and what
    each has seen of the test.
    """
    results: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    tested: dict[str, tuple[str, ...]] = {}
    read: dict[str, Any] = {}
    found: list[Labeled] = []
    for bench, pictures in each:
        if not found:
            _say_pictures(pictures, reporter)
            _say_features(bench, reporter)
        found.append(pictures)
        if bench.name in places:
            seen[bench.name] = tell_seen(places[bench.name], pictures.test, data, reporter)
        results[bench.name] = _measure_all(bench, probes, reporter)
        read[bench.name] = bench.read
        tested[bench.name] = bench.test.keys
    differences = measure_differences(results, tested, seed)
    return found[0], {
        "features": read,
        "seen": seen,
        "results": results,
        "differences": differences,
    }


def _write(
    report: dict[str, Any], names: Sequence[str], place: Path, figures: bool, reporter: Reporter
) -> None:
    """Leave the report as JSON with its figures, and say what came out."""
    write_json(f"{place}.json", report)
    drawn = save_figures(report, names, place) if figures else []
    told = format_differences(report["differences"]) if len(names) > 1 else []
    for line in [
        *format_results(report["results"]),
        *told,
        f"Written to {place}.json",
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
    """Where results go: RUN/eval, beside a checkpoint file, or eval in a folder named after a name
    such as timm:NAME.
    """
    place = Path(split_hints(run)[0])
    if str(run) == RANDOM:
        return Path(RANDOM) / "eval"
    return (
        home_of(run) / "eval" if place.is_dir() or is_name(str(run)) else place.with_suffix(".eval")
    )


def name_result(
    data: str, probes: Sequence[str], runs: Sequence[str], features: str = DEFAULT_READOUT
) -> str:
    """The name of a result's files: data and probes, other features than usual, and where there are
    many probes or RUNs, a hash.
    """
    usual = features == DEFAULT_READOUT
    words = slug("-".join(probes)) + ("" if usual else f"-{features}")
    is_plain = (
        len(runs) == 1
        and all(probe.replace("_", "").isalpha() for probe in probes)
        and len("-".join(probes)) <= 40
    )
    return f"{slug(data)}-{words}" + (
        "" if is_plain else f"-{hash_strings([*probes, *(runs if len(runs) > 1 else ())])[:6]}"
    )


def _say_pictures(pictures: Labeled, reporter: Reporter) -> None:
    reporter.say(
        f"{len(pictures.train):,} pictures to fit on, {len(pictures.test):,} to test on,"
        f" {pictures.how}"
    )
    for note in pictures.notes:
        reporter.warn(note)


def _say_features(bench: Bench, reporter: Reporter) -> None:
    """What is read of encoders, and how to read something else."""
    if bench.loaded is not None:
        summary, width = find_readout(bench.readout).summary, bench.read["width"]
        reporter.say(f"features: {summary}, {width:,} numbers (--features {bench.readout})")


def _measure_all(bench: Bench, probes: Mapping[str, Probe], reporter: Reporter) -> dict[str, Any]:
    """Results by probe; raw pixels are left out where a probe needs an encoder."""
    results: dict[str, Any] = {}
    asked = {
        name: probe
        for name, probe in probes.items()
        if bench.loaded is not None or not probe.needs_encoder
    }
    for name, probe in asked.items():
        reporter.progress("measure", len(results), len(asked), f"{bench.name}, {name}")
        results[name] = {"seed": bench.seed, **probe.measure(bench)}
    reporter.finish()
    for note in dict.fromkeys(
        note for result in results.values() for note in result.get("notes", ())
    ):
        reporter.warn(f"{bench.name}: {note}")
    return results
