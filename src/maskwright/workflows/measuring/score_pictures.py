"""Pictures scored by the processes of a group, each of which scores its share of the batches."""

from __future__ import annotations

from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.feature_cache import features_key, hash_weights
from maskwright.support.count_progress import CountProgress, PictureCounter
from maskwright.support.reporting import Reporter
from maskwright.support.variables import cache_folder
from maskwright.training.group import Group
from maskwright.workflows.dividing.parts import Batches, Parts, Tensors, make_in_parts
from maskwright.workflows.measuring.anomaly_scores import (
    BATCH,
    KINDS,
    AnomalyScorer,
    ScoredPictures,
)

# In front of the names of tensors in a part.
_SCORE, _MAP = "score ", "map "


def score_pictures(
    scorer: AnomalyScorer,
    store: PackedStore,
    normal: PackedStore,
    group: Group,
    reporter: Reporter,
) -> ScoredPictures:
    """Score all pictures of a store; the first process gets all scores, the others none.

    normal: the pictures that the scorer knows, which are part of what its parts are known by.
    """
    progress = CountProgress(reporter, "score")
    if group.world_size == 1:
        scored = scorer.score(store, PictureCounter(progress, len(store)))
        reporter.finish()
        return scored
    key = group.hear_first(_key(scorer, store, normal) if group.is_first else None)
    parts = Parts(cache_folder() / "scores" / f"{key}.parts", ".safetensors")

    def score(rows: range, counter: PictureCounter) -> Tensors:
        return _to_tensors(scorer.score(store.subset(rows), counter))

    joined = make_in_parts(group, parts, Batches(len(store), BATCH), progress, score)
    reporter.finish()
    return _from_tensors(joined)


def _key(scorer: AnomalyScorer, store: PackedStore, normal: PackedStore) -> str:
    """What sets these scores apart from those of other weights, pictures or settings."""
    loaded, settings = scorer.loaded, scorer.settings
    choices = (settings.ratio, settings.rounds, settings.blocks, settings.bank)
    how = f"{choices} {settings.subsample} {settings.seed} {normal.fingerprint} {scorer.device}"
    weights, shape = hash_weights(loaded.model), loaded.model.config.to_dict()
    return features_key(weights, shape, loaded.scale, store, how)


def _to_tensors(scored: ScoredPictures) -> Tensors:
    scores = {_SCORE + name: values for name, values in scored.scores.items()}
    return scores | {_MAP + name: values for name, values in scored.maps.items()}


def _from_tensors(tensors: Tensors) -> ScoredPictures:
    """Scores and maps by name, in the order of `KINDS`: files sort their tensors by name."""

    def named(prefix: str) -> Tensors:
        return {kind: tensors[prefix + kind] for kind in KINDS if prefix + kind in tensors}

    return ScoredPictures(named(_SCORE), named(_MAP))
