"""Measuring encoders on labeled pictures by probes, beside random weights and raw pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.evaluation.readout import DEFAULT_READOUT, find_readout
from maskwright.support.environment import describe_device, pick_device, versions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings, write_json
from maskwright.support.notebook import lines_html, usual_reporter
from maskwright.support.reporting import Reporter, say_result
from maskwright.training.group import Group
from maskwright.weights.hints import split_hints
from maskwright.weights.opening import is_name
from maskwright.workflows.dividing.processes import (
    Work,
    first_alone,
    reporter_of,
    sharing_processes,
)
from maskwright.workflows.loading.labeled import Labeled
from maskwright.workflows.loading.labeled_settings import labeled_settings
from maskwright.workflows.loading.split_names import TEST_NAMES
from maskwright.workflows.measuring.evaluation import (
    Evaluation,
    EvaluationContext,
    help_measure,
    measure_encoders,
)
from maskwright.workflows.measuring.evaluation_files import save_figures, save_files
from maskwright.workflows.measuring.evaluation_report import format_results
from maskwright.workflows.measuring.paired_differences import format_differences
from maskwright.workflows.measuring.probe_context import Probe
from maskwright.workflows.measuring.probes.catalog import PROBES, parse_probes
from maskwright.workflows.measuring.subjects import (
    RANDOM,
    NamedEncoder,
    load_encoders,
    name_runs,
)
from maskwright.workflows.runs.locate import home_of
from maskwright.workflows.runs.run_folder import now, slug
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.evaluate_settings import EvaluateSettings

__all__ = ["PROBES", "TEST_NAMES", "Evaluated", "eval_folder", "evaluate"]

# A longer list of probes makes file names that some file systems refuse.
LONGEST_PROBES = 40


class Evaluated(dict[str, Any]):
    """{encoder name: {probe: result}}, which shows itself as a table in notebooks."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        """report: what is written as JSON; `differences` holds its paired differences."""
        super().__init__(report["results"])
        self.differences: Any = report["differences"]

    def lines(self) -> list[str]:
        """The tables of results and of paired differences, in lines for people."""
        # Of baselines too: whether the training made a difference is the first question.
        return [*format_results(self), *format_differences(self.differences)]

    def _repr_html_(self) -> str:
        return lines_html(self.lines())


@takes(EvaluateSettings, "run", "data")
def evaluate(settings: EvaluateSettings, reporter: Reporter | None = None) -> Evaluated:
    """Measure the encoders of runs or checkpoints on labeled pictures.

    Returns and saves {encoder name: {probe: result}}. Labels come from sub-folders or a CSV. Splits
    are found by name, else a seeded, stratified quarter is the test set. Nothing is chosen on the
    test set. Several processes share the pictures where features are computed; the first one
    probes.

    Raises MaskwrightError when there are no labels.
    """
    reporter = reporter or usual_reporter()
    with sharing_processes(Work("evaluate", settings), settings.devices, settings.data) as group:
        return run_probes(settings, group, reporter_of(group, reporter))


def run_probes(settings: EvaluateSettings, group: Group, reporter: Reporter) -> Evaluated:
    """`evaluate` for one of the processes of a group; all of them return the same."""
    job = first_alone(group, lambda: _prepare(settings, group, reporter))
    if not group.is_first:
        help_measure(job.encoders, job.shared)
        return Evaluated(group.hear_first(None))
    evaluation = measure_encoders(job.encoders, job.runs, job.probes, job.shared)
    names = [encoder.name for encoder in job.encoders]
    report = _describe(settings, evaluation, describe_device(job.shared.device)) | {
        "runs": {name: str(run) for name, run in zip(names, job.runs, strict=True)},
        **evaluation.measured,
    }
    # The name tells what was measured, so that other probes overwrite nothing.
    folder = Path(settings.out) if settings.out is not None else eval_folder(job.runs[0])
    stem = name_result(
        evaluation.pictures.name, list(job.probes), list(map(str, job.runs)), settings.features
    )
    measured = _write(report, names, folder / stem, settings.figures, reporter)
    _write_files(evaluation, folder / stem, settings.figures, reporter)
    group.hear_first(report)
    return measured


@dataclass(frozen=True, eq=False)
class _Prepared:
    """What is measured, by what, and what all encoders share."""

    probes: dict[str, Probe]
    runs: list[str | Path]
    encoders: list[NamedEncoder]
    shared: EvaluationContext


def _prepare(settings: EvaluateSettings, group: Group, reporter: Reporter) -> _Prepared:
    """Load the encoders; what the user wrote is checked before anything is loaded."""
    probes = parse_probes(settings.probe, settings.shots)
    find_readout(settings.features)
    runs = [settings.run] if isinstance(settings.run, (str, Path)) else list(settings.run)
    target = pick_device(settings.device)
    encoders = _load(runs, settings.data, target)
    shared = EvaluationContext(
        pictures=labeled_settings(settings, settings.data, runs[0], encoders[0].settings),
        baselines=settings.baselines,
        cache=settings.cache,
        device=target,
        seed=settings.seed,
        reporter=reporter,
        readout=settings.features,
        needs_labels=any(probe.task == "classes" for probe in probes.values()),
        group=group,
    )
    return _Prepared(probes, runs, encoders, shared)


def _load(runs: Sequence[str | Path], data: str | None, device: torch.device) -> list[NamedEncoder]:
    """The encoders; a last word that is none of them was perhaps meant to be the pictures."""
    try:
        return load_encoders(runs, name_runs(runs), data, device)
    except MaskwrightError as error:
        if data is not None or len(runs) == 1:
            raise
        raise MaskwrightError(f"{error} If it names pictures: they come behind --data.") from error


def _describe(settings: EvaluateSettings, evaluation: Evaluation, device: str) -> dict[str, Any]:
    """What was measured, on which pictures, when and on what."""
    return describe_pictures(evaluation.pictures) | {
        "limit": settings.limit,
        "value_range": evaluation.pictures.train.value_range,
        "seed": settings.seed,
        "device": device,
        "made": now(),
        "versions": versions(),
    }


def _write(
    report: dict[str, Any], names: Sequence[str], stem: Path, figures: bool, reporter: Reporter
) -> Evaluated:
    """Leave the report as JSON with its figures, and say what came out."""
    # JSON first: a figure that fails must not lose the numbers.
    write_json(f"{stem}.json", report)
    drawn = save_figures(report, names, stem) if figures else []
    measured = Evaluated(report)
    say_result(reporter, measured.lines())
    for line in [f"Written to {stem}.json", *(f"Drawn in {path}" for path in drawn)]:
        reporter.say(line)
    return measured


def _write_files(evaluation: Evaluation, stem: Path, figures: bool, reporter: Reporter) -> None:
    """Leave what probes made beside their numbers, and say where."""
    for path in save_files(evaluation.files, stem, figures):
        reporter.say(f"Written to {path}")


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

    Many probes, options or runs become a hash.
    """
    joined = "-".join(probes)
    words = slug(joined) + ("" if features == DEFAULT_READOUT else f"-{features}")
    is_bare = all(probe.replace("_", "").isalpha() for probe in probes)
    if len(runs) == 1 and is_bare and len(joined) <= LONGEST_PROBES:
        return f"{slug(data)}-{words}"
    # One run is in the folder's name already, so only several need to be in the hash.
    digest = hash_strings([*probes, *(runs if len(runs) > 1 else ())])[:6]
    return f"{slug(data)}-{words}-{digest}"
