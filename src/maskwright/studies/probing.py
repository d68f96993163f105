"""Probes of a study's trials: on finished runs, and on the epochs that they kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskwright.studies.measures import MEASURE_SEED, MeasureSettings
from maskwright.studies.metrics import PROBE_METRICS
from maskwright.support.reporting import Reporter
from maskwright.workflows.evaluate import evaluate
from maskwright.workflows.run import Run
from maskwright.workflows.runs.run_folder import RunFolder


@dataclass(frozen=True)
class Measured:
    """What was measured of one run.

    numbers: metric name -> value.
    per_image: metric name -> text of 0 and 1, right or wrong per test picture.
    """

    numbers: dict[str, float]
    per_image: dict[str, str]


def measure_probes(run: Run, measures: MeasureSettings, reporter: Reporter) -> Measured:
    """Every metric of every probe, with the answers per picture where a probe keeps them."""
    if not measures.probes:
        return Measured({}, {})
    results = _probe(run.path, run, measures, measures.probes, reporter)
    numbers = {name: float(interval["value"]) for name, interval in read_metrics(results)}
    per_image: dict[str, str] = {}
    for probe, result in results.items():
        for kind in PROBE_METRICS:
            if kind.answers in result:
                per_image[kind.name(probe)] = result[kind.answers]
    return Measured(numbers, per_image)


AT_EPOCH = " at epoch "
"""In names of numbers, between a metric and the epoch whose weights were measured."""


def measure_kept(run: Run, measures: MeasureSettings, reporter: Reporter) -> dict[str, float]:
    """The first metric of every frozen probe on the weights of every epoch that the run kept."""
    probes = measures.frozen_probes()
    numbers: dict[str, float] = {}
    for epoch, path in RunFolder(run.path).kept_epochs().items():
        results = _probe(path, run, measures, probes, reporter) if probes else {}
        for probe, result in results.items():
            # Top-1 where classes are told; segmentation and regression have others.
            name, interval = next(read_metrics({probe: result}))
            numbers[f"{name}{AT_EPOCH}{epoch}"] = float(interval["value"])
    return numbers


def measure_also(run: Run, measures: MeasureSettings, reporter: Reporter) -> dict[str, float]:
    """Top-1 and top-5 of every frozen probe on other labeled pictures: transfer."""
    numbers: dict[str, float] = {}
    for place in measures.also:
        probes = measures.frozen_probes()
        # Labels of the study's own pictures say nothing of these.
        there = replace(measures, data=place, labels=None)
        results = _probe(run.path, run, there, probes, reporter) if probes else {}
        for name, interval in read_metrics(results):
            numbers[f"{name} on {Path(place).stem}"] = float(interval["value"])
    return numbers


def evaluate_probes(
    encoders: Path | Sequence[Path | str],
    measures: MeasureSettings,
    probes: Sequence[str],
    device: str,
    reporter: Reporter,
) -> dict[str, Any]:
    """The results of encoders by probe, on the pictures of a study, without its figures."""
    return evaluate(
        encoders,
        measures.data,
        probe=", ".join(probes),
        features=measures.features,
        labels=measures.labels,
        baselines=False,
        figures=False,
        limit=measures.limit,
        device=device,
        seed=MEASURE_SEED,
        reporter=reporter,
    )


def read_metrics(
    results: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, float]]]:
    """The name of every metric that results by probe have, with its value and interval."""
    for probe, result in results.items():
        for kind in PROBE_METRICS:
            # Few classes have no top-5.
            if result.get(kind.key) is not None:
                yield kind.name(probe), kind.read(result)


def _probe(
    encoder: Path, run: Run, measures: MeasureSettings, probes: Sequence[str], reporter: Reporter
) -> dict[str, Any]:
    """The results by probe of a run, or of weights that it kept."""
    device = run.settings.run.device
    results = evaluate_probes(encoder, measures, probes, device, reporter)
    # It is the only encoder that was measured; its results go by probe.
    return dict(next(iter(results.values())))
