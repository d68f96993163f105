"""Anomalies without labels: pictures ranked by how unlike normal ones they are, with heat maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import limited
from maskwright.support.environment import describe_device, pick_device, versions
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.training.group import Group
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.dividing.processes import (
    Work,
    first_alone,
    reporter_of,
    sharing_processes,
    together,
)
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.measuring.anomaly_report import AnomalyReport, measure_scores
from maskwright.workflows.measuring.anomaly_scores import (
    AnomalyScorer,
    ScoredPictures,
    learn_normal,
)
from maskwright.workflows.measuring.normal_pictures import (
    QueryPictures,
    count_shared,
    open_normal,
    open_queries,
)
from maskwright.workflows.measuring.score_pictures import score_pictures
from maskwright.workflows.measuring.subjects import NamedEncoder, baselines_of, load_encoders
from maskwright.workflows.runs.locate import home_of
from maskwright.workflows.runs.run_folder import now
from maskwright.workflows.settings.anomalies_settings import AnomaliesSettings
from maskwright.workflows.settings.arguments import takes


@dataclass(frozen=True, eq=False)
class Anomalies:
    """What was found.

    names: of the pictures, the most anomalous first.
    scores: of each kind, in that order.
    measured: AUROC and average precision of each score where labels exist, ready for JSON.
    folder: where sheet, table and numbers are.
    """

    names: tuple[str, ...]
    scores: dict[str, Tensor]
    measured: dict[str, Any]
    folder: Path


@takes(AnomaliesSettings, "run", "photos")
def anomalies(settings: AnomaliesSettings, reporter: Reporter | None = None) -> Anomalies:
    """Score pictures by how unlike normal ones they are, and rank them.

    Two scores: how much harder each place is to fill in than in normal pictures, and how far each
    patch is from all patches of normal pictures (PatchCore, Roth et al. 2022); beside them the
    distance to the mean normal picture. Leaves a sheet, scores.csv and anomalies.json. Several
    processes share the pictures; what is normal is measured by the first one, for all.
    """
    reporter = reporter or usual_reporter()
    work = Work("anomalies", settings)
    with sharing_processes(work, settings.devices, settings.photos) as group:
        return find_anomalies(settings, group, reporter_of(group, reporter))


def find_anomalies(settings: AnomaliesSettings, group: Group, reporter: Reporter) -> Anomalies:
    """`anomalies` for one of the processes of a group; all of them return the same."""
    job = first_alone(group, lambda: _prepare(settings, reporter))
    queries = job.queries
    scored = {"run": _score(job.encoder.loaded, job, settings, group, reporter)}
    # Without labels there is nothing that untrained weights could be compared by.
    if settings.baselines and queries.is_anomalous is not None:
        untrained = baselines_of([job.encoder])[0]
        scored[untrained.name] = _score(untrained.loaded, job, settings, group, reporter)
    found = None
    with together(group):
        if group.is_first:
            found = _report(job, scored, settings, reporter)
    return group.hear_first(found)


@dataclass(frozen=True, eq=False)
class _Prepared:
    """The encoder of the run, the pictures to look at, and those of what is normal."""

    encoder: NamedEncoder
    queries: QueryPictures
    normal: PackedStore
    home: Path


def _prepare(settings: AnomaliesSettings, reporter: Reporter) -> _Prepared:
    """Load the run and decode all pictures, or find them in the cache."""
    device = pick_device(settings.device)
    (encoder,) = load_encoders([settings.run], ["run"], settings.normal, device)
    loaded, home = encoder.loaded, home_of(settings.run)
    reading = reading_for(loaded.settings, settings.value_range, settings.pages)
    queries = open_queries(
        settings.photos, settings.labels, settings.anomalous, reading, encoder.config, reporter
    )
    queries = _limited(queries, settings)
    normal = open_normal(settings.normal, loaded, home, settings.reference, settings.seed, reporter)
    _say_begin(queries, normal, reporter)
    return _Prepared(encoder, queries, normal, home)


def _report(
    job: _Prepared,
    scored: dict[str, ScoredPictures],
    settings: AnomaliesSettings,
    reporter: Reporter,
) -> Anomalies:
    """Measure the scores where labels exist, and write everything down."""
    measured = {
        name: measure_scores(scores, job.queries, settings.seed) for name, scores in scored.items()
    }
    report = AnomalyReport(settings, job.queries, len(job.normal), scored["run"], measured)
    folder = Path(settings.out) if settings.out is not None else job.home / "anomalies"
    device = pick_device(settings.device)
    about = {"device": describe_device(device), "made": now(), "versions": versions()}
    report.write(folder, about)
    for line in [*report.lines(), f"Written to {folder}: sheet.png, scores.csv, anomalies.json"]:
        reporter.say(line)
    ranked = {name: scores[report.order] for name, scores in scored["run"].scores.items()}
    return Anomalies(tuple(report.names()), ranked, measured, folder)


def _score(
    loaded: LoadedEncoder,
    job: _Prepared,
    settings: AnomaliesSettings,
    group: Group,
    reporter: Reporter,
) -> ScoredPictures:
    """Learn what is normal, then score the pictures; the first process gets all scores."""
    device = pick_device(settings.device)
    known = None
    with together(group):
        # Measured once, so that every picture is held against the same numbers.
        if group.is_first:
            known = learn_normal(loaded, job.normal, settings, device, reporter)
    known = group.hear_first(known)
    if known.errors is None:
        reporter.warn(
            "These weights have no decoder of masked patches, so there is no score by"
            " reconstruction."
        )
    scorer = AnomalyScorer(loaded=loaded, settings=settings, device=device, known=known)
    return score_pictures(scorer, job.queries.store, job.normal, group, reporter)


def _limited(queries: QueryPictures, settings: AnomaliesSettings) -> QueryPictures:
    """The pictures under the limit, with what is known of them."""
    store = limited(queries.store, settings.limit, settings.seed)
    if store is queries.store or queries.is_anomalous is None:
        return QueryPictures(store, queries.is_anomalous, queries.words)
    # A subset does not say which rows it took, so they are found by name.
    places = {key: at for at, key in enumerate(queries.store.keys)}
    rows = torch.tensor([places[key] for key in store.keys])
    return QueryPictures(store, queries.is_anomalous[rows], queries.words)


def _say_begin(queries: QueryPictures, normal: PackedStore, reporter: Reporter) -> None:
    known = f" ({queries.words})" if queries.words else ""
    reporter.say(
        f"{len(queries.store):,} pictures to look at{known}, beside {len(normal):,} normal pictures"
    )
    shared = count_shared(queries.store, normal)
    if shared:
        reporter.warn(
            f"{shared:,} of the pictures to look at are among the normal ones (equal pixels), so"
            " they look more normal than they are."
        )
