"""Probes on encoders, random weights and raw pixels, one after another on the same pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from maskwright.evaluation.feature_cache import FeatureCache
from maskwright.evaluation.readout import DEFAULT_READOUT, find_readout
from maskwright.support.reporting import Reporter
from maskwright.support.variables import cache_folder
from maskwright.training.group import ALONE, Group
from maskwright.workflows.dividing.processes import first_alone
from maskwright.workflows.loading.labeled import Labeled, LabeledSettings
from maskwright.workflows.loading.near_duplicates import report_near_duplicates
from maskwright.workflows.loading.plain_split import find_probe_split
from maskwright.workflows.loading.seen import report_seen
from maskwright.workflows.measuring.paired_differences import measure_differences
from maskwright.workflows.measuring.probe_context import Probe, ProbeContext, SplitsPictures
from maskwright.workflows.measuring.store_pictures import StorePictures
from maskwright.workflows.measuring.subjects import NamedEncoder, baselines_of


@dataclass(frozen=True, kw_only=True)
class EvaluationContext:
    """What all encoders of an evaluation share.

    pictures: which labeled pictures, and how they are split.
    baselines: whether random weights and raw pixels are measured too.
    cache: whether features are kept for the next time.
    device: where everything computes.
    seed: draws for probes and intervals.
    reporter: where progress and notes are shown.
    readout: which features are read, of random weights as of all others.
    needs_labels: whether any probe asks for the classes of pictures.
    group: this process among those that compute features together; the first one probes.
    """

    pictures: LabeledSettings
    baselines: bool
    cache: bool
    device: torch.device
    seed: int
    reporter: Reporter
    readout: str = DEFAULT_READOUT
    needs_labels: bool = True
    group: Group = ALONE


@dataclass(frozen=True)
class Evaluation:
    """The pictures of the first encoder, and the measured part of the report.

    pictures: decoded for the first encoder; for others only the size may differ.
    measured: features, seen, near duplicates, results and differences, ready for JSON.
    files: figures and fitted heads, by encoder, probe and the last part of the file's name.
    """

    pictures: Labeled
    measured: dict[str, Any]
    files: dict[str, dict[str, dict[str, bytes]]]


def open_cache(reporter: Reporter) -> FeatureCache:
    """The folder of features that all measurements share."""
    return FeatureCache(cache_folder() / "features", reporter)


def probe_contexts(
    encoders: Sequence[NamedEncoder], shared: EvaluationContext
) -> Iterator[tuple[ProbeContext, Labeled]]:
    """One context after another: every encoder, then the baselines in the size of the first."""
    # Said before anything is decoded, which may take long.
    find = partial(
        find_probe_split, shared.pictures, shared.reporter, needs_labels=shared.needs_labels
    )
    split = first_alone(shared.group, find)
    _warn_of_ranges(encoders, shared)
    # One cache for all, so that its messages come from one place.
    cache = open_cache(shared.reporter) if shared.cache else None
    decoded: dict[tuple[tuple[int, int], int], Labeled] = {}

    # Baselines of the first encoder alone keep the table readable when many are compared.
    baselines = baselines_of(encoders[:1]) if shared.baselines else []
    for encoder in [*encoders, *baselines]:
        shape = (encoder.config.image_size, encoder.config.channels)
        # Encoders of one shape share their decoded pictures.
        if shape not in decoded:
            # The first process decodes into the cache, and the others find it there.
            decoded[shape] = first_alone(shared.group, partial(split.open, *shape, shared.reporter))
        pictures = decoded[shape]
        train = StorePictures(pictures.train, encoder.config.image_size)
        context = ProbeContext(
            subject=encoder.subject(train, shared.device, shared.seed),
            loaded=None if encoder.is_pixels else encoder.loaded,
            train=pictures.train,
            test=pictures.test,
            reporter=shared.reporter,
            cache=cache,
            readout=shared.readout,
            group=shared.group,
        )
        yield context, pictures


def help_measure(encoders: Sequence[NamedEncoder], shared: EvaluationContext) -> None:
    """Compute features for the first process, which measures all encoders, until it is done."""
    for context, _ in probe_contexts(encoders, shared):
        context.help()


def measure_encoders(
    encoders: Sequence[NamedEncoder],
    runs: Sequence[str | Path],
    probes: Mapping[str, Probe],
    shared: EvaluationContext,
) -> Evaluation:
    """Measure all encoders by all probes; runs: where each encoder comes from."""
    paths = {encoder.name: run for encoder, run in zip(encoders, runs, strict=True)}
    results: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    tested: dict[str, Sequence[str]] = {}
    features: dict[str, Any] = {}
    files: dict[str, Any] = {}
    near, first = None, None
    for context, pictures in probe_contexts(encoders, shared):
        name = context.subject.name
        # The pictures are described once, as the first encoder sees them.
        if first is None:
            first = pictures
            near = _say_pictures(pictures, probes, shared.reporter)
            _say_features(context)
        # Baselines were trained on nothing, so only runs may have seen the test pictures.
        if name in paths:
            data = shared.pictures.data
            seen[name] = report_seen(paths[name], pictures.test, data, shared.reporter)
        results[name], files[name] = _measure_all(context, probes)
        if name not in paths:
            _drop_heads(files[name])
        features[name] = context.describe_features()
        tested[name] = context.test.keys
    assert first is not None, "there is at least one encoder"
    differences = measure_differences(results, tested, shared.seed, results.keys() - paths.keys())
    measured = {
        "features": features,
        "seen": seen,
        "near_duplicates": near,
        "results": results,
        "differences": differences,
    }
    return Evaluation(first, measured, files)


def _measure_all(
    context: ProbeContext, probes: Mapping[str, Probe]
) -> tuple[dict[str, Any], dict[str, dict[str, bytes]]]:
    """Results by probe, and what each leaves beside them.

    Raw pixels are left out where a probe needs an encoder.
    """
    reporter, name = context.reporter, context.subject.name
    # Raw pixels have pooled features and nothing else.
    usable = {
        title: probe
        for title, probe in probes.items()
        if context.loaded is not None or not probe.needs_encoder
    }
    results: dict[str, Any] = {}
    files: dict[str, dict[str, bytes]] = {}
    notes: dict[str, None] = {}
    for title, probe in usable.items():
        reporter.progress("measure", len(results), len(usable), f"{name}, {title}")
        results[title] = {"seed": context.subject.seed, **probe.measure(context)}
        notes |= dict.fromkeys(results[title].get("notes", ()))
        files[title] = dict(context.files)
        context.files.clear()
    reporter.finish()
    context.done()

    # Several probes may note the same about an encoder; each note is shown once.
    for note in notes:
        reporter.warn(f"{name}: {note}")
    return results, files


def _drop_heads(files: dict[str, dict[str, bytes]]) -> None:
    """Keep the figures of a baseline alone: a head on random weights is of no use to anybody."""
    for by_ending in files.values():
        for ending in [ending for ending in by_ending if not ending.endswith(".png")]:
            del by_ending[ending]


def _warn_of_ranges(encoders: Sequence[NamedEncoder], shared: EvaluationContext) -> None:
    """All see the same pictures: say which were trained under another range of values."""
    value_range = shared.pictures.value_range
    # Old checkpoints do not say their range, and nothing is claimed about those.
    others = [
        f"{encoder.name} ({encoder.settings['value_range']})"
        for encoder in encoders
        if encoder.settings.get("value_range") not in (None, value_range)
    ]
    if others:
        shared.reporter.warn(
            f"Trained under another value range than the {value_range or 'measured one'} of"
            f" this evaluation: {', '.join(others)}; measure them alone to see their own."
        )


def _say_pictures(
    pictures: Labeled, probes: Mapping[str, Probe], reporter: Reporter
) -> dict[str, Any] | None:
    """Say what is fitted on and tested on; returns near-duplicates across both, for JSON."""
    train, test = len(pictures.train), len(pictures.test)
    reporter.say(f"{train:,} pictures to fit on, {test:,} to test on, {pictures.how}")
    for probe in probes.values():
        if isinstance(probe, SplitsPictures):
            reporter.say(probe.describe_split(train, test))
    for note in pictures.notes:
        reporter.warn(note)
    return report_near_duplicates(pictures.train, pictures.test, reporter)


def _say_features(context: ProbeContext) -> None:
    """What is read of encoders, and how to read something else."""
    if context.loaded is not None:
        summary = find_readout(context.readout).summary
        width = context.describe_features()["width"]
        context.reporter.say(
            f"features: {summary}, {width:,} numbers (--features {context.readout})"
        )
