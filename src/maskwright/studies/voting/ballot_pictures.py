"""Pictures for a vote: evenly spread, and those first that no model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from maskwright.data.pixels.decode import UnreadableImage
from maskwright.data.sources.open import Source, open_source
from maskwright.data.store.same_picture import hash_names, is_numbered
from maskwright.data.store.splits import spread
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.loading.chosen_pictures import ChosenPictures, read_whole
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.loading.seen import place_of, read_seen
from maskwright.workflows.loading.views import to_model_size


@dataclass(frozen=True)
class UnseenPictures:
    """The pictures of a vote.

    chosen: at the models' size.
    seen: how many of them each model was trained on; None where it keeps no record, or where its
        pictures came from elsewhere and only their pixels could say.
    """

    chosen: ChosenPictures
    seen: dict[str, int | None]


def choose_unseen(
    pictures: str, count: int, runs: Mapping[str, str], loaded: LoadedModel
) -> UnseenPictures:
    """Read `count` pictures, those first that no run was trained on.

    A run knows the pictures of its own data by their names. Raises MaskwrightError where fewer than
    two can be read.
    """
    source = open_source(pictures, reading=reading_for(loaded.settings))
    keys = [source.key(index) for index in range(len(source))]
    known = {name: _trained_on(place, pictures, keys) for name, place in runs.items()}
    # (n,) booleans: whether any of the runs was trained on it.
    is_seen = torch.zeros(len(keys), dtype=torch.bool)
    for flags in known.values():
        if flags is not None:
            is_seen |= flags
    # A model that fills in what it has learned by heart would look better than it is.
    rows = _fresh_first(is_seen, count)
    chosen, kept = _read(source, rows, loaded)
    seen = {
        name: None if flags is None else int(flags[kept].sum()) for name, flags in known.items()
    }
    return UnseenPictures(chosen, seen)


def _trained_on(run: str, pictures: str, keys: list[str]) -> Tensor | None:
    """Which pictures (n,) a run was trained on, by their names; None where it cannot be said."""
    record = read_seen(place_of(run))
    # `row 5` is no name: every split of an array has a row of that number.
    if record is None or not record.is_of(pictures) or any(map(is_numbered, keys[:1])):
        return None
    return torch.isin(hash_names(keys), record.names)


def _fresh_first(is_seen: Tensor, count: int) -> list[int]:
    """At most `count` rows, evenly spread over the unseen, and over the seen where those lack."""
    fresh, others = (~is_seen).nonzero()[:, 0], is_seen.nonzero()[:, 0]
    # Spread, because folders are often sorted by class.
    rows = fresh[spread(len(fresh), count)] if len(fresh) else fresh
    left = count - len(rows)
    if left and len(others):
        rows = torch.cat([rows, others[spread(len(others), left)]])
    return sorted(rows.tolist())


def _read(source: Source, rows: list[int], loaded: LoadedModel) -> tuple[ChosenPictures, list[int]]:
    """The pictures that can be read, at the model's size, and their rows."""
    config = loaded.model.config
    fitted: list[Tensor] = []
    kept: list[int] = []
    skipped: list[str] = []
    for row in rows:
        try:
            picture = read_whole(source, row, config.channels)
        except UnreadableImage as error:
            skipped.append(f"{error.key} ({error.reason})")
            continue
        fitted.append(to_model_size(picture, config.image_size))
        kept.append(row)
    if len(kept) < 2:
        why = f" {skipped[0]}" if skipped else ""
        raise MaskwrightError(f"A vote needs two pictures at least; found {len(kept)}.{why}")
    names = tuple(Path(source.key(row)).name for row in kept)
    return ChosenPictures(names, torch.stack(fitted), {}, tuple(skipped)), kept
