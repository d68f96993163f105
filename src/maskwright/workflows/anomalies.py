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
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.measuring.anomaly_report import AnomalyReport, measure_scores
from maskwright.workflows.measuring.anomaly_scores import ScoredPictures, learn_normal
from maskwright.workflows.measuring.normal_pictures import (
    QueryPictures,
    count_shared,
    open_normal,
    open_queries,
)
from maskwright.workflows.measuring.subjects import baselines_of, load_encoders
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
    distance to the mean normal picture. Leaves a sheet, scores.csv and anomalies.json.
    """
    reporter = reporter or usual_reporter()
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

    scored = _score(loaded, queries, normal, settings, reporter)
    measured = {"run": measure_scores(scored, queries, settings.seed)}
    # Without labels there is nothing that untrained weights could be compared by.
    if settings.baselines and queries.is_anomalous is not None:
        untrained = baselines_of([encoder])[0]
        other = _score(untrained.loaded, queries, normal, settings, reporter)
        measured[untrained.name] = measure_scores(other, queries, settings.seed)

    report = AnomalyReport(settings, queries, len(normal), scored, measured)
    folder = Path(settings.out) if settings.out is not None else home / "anomalies"
    about = {"device": describe_device(device), "made": now(), "versions": versions()}
    report.write(folder, about)
    for line in [*report.lines(), f"Written to {folder}: sheet.png, scores.csv, anomalies.json"]:
        reporter.say(line)
    ranked = {name: scores[report.order] for name, scores in scored.scores.items()}
    return Anomalies(tuple(report.names()), ranked, measured, folder)


def _score(
    loaded: LoadedEncoder,
    queries: QueryPictures,
    normal: PackedStore,
    settings: AnomaliesSettings,
    reporter: Reporter,
) -> ScoredPictures:
    """Learn what is normal, then score the pictures."""
    device = pick_device(settings.device)
    scorer = learn_normal(loaded, normal, settings, device, reporter)
    if scorer.errors is None:
        reporter.warn(
            "These weights have no decoder of masked patches, so there is no score by"
            " reconstruction."
        )
    return scorer.score(queries.store)


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
