"""Pictures of what is normal: those that a run was trained on, or others that a person names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.reading import Reading
from maskwright.data.sources.survey import survey
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import limited
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.workflows.loading.pictures import find, load, packed
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import flatten, read_recipe

# Classes that are called so are normal; all others are anomalies.
NORMAL_NAMES = frozenset(
    ["good", "normal", "ok", "sound", "functional", "healthy", "intact", "negative", "no"]
)


@dataclass(frozen=True)
class QueryPictures:
    """Pictures that a person names.

    store: decoded.
    is_anomalous: (n,) booleans where that is known, or None.
    words: what is known, for people.
    """

    store: PackedStore
    is_anomalous: torch.Tensor | None
    words: str


def open_normal(
    normal: str | None, loaded: LoadedEncoder, run: Path, count: int, seed: int, reporter: Reporter
) -> PackedStore:
    """At most `count` normal pictures: those named, or those that the run was trained on.

    Raises MaskwrightError for weights that do not say what they were trained on.
    """
    config = loaded.model.config
    if normal is not None:
        source = open_source(normal)
        return limited(packed(source, config.image_size, config.channels, reporter), count, seed)
    recipe = run / "config.yaml"
    if not recipe.exists() or "data" not in loaded.settings:
        raise MaskwrightError(
            f"'{run}' is no run of pretraining, so it does not say what is normal; name pictures of"
            " what is normal with --normal PHOTOS."
        )
    settings = PretrainSettings.from_flat(flatten(read_recipe(str(recipe))))
    # Opened and split as the training did it, without what it held out.
    found, _ = find(settings.data, None, reporter)
    pictures = load(settings.data, found, settings.train.seed, reporter)
    return limited(pictures.train, count, seed)


def open_queries(
    photos: Any,
    labels: str | None,
    anomalous: str | None,
    reading: Reading,
    config: ModelConfig,
    reporter: Reporter,
) -> QueryPictures:
    """Decode the pictures to look at, and find out which of them are known to be anomalous."""
    source = open_source(photos, labels=labels, reading=reading)
    for note in source.notes:
        reporter.say(note)
    _warn_of_channels(source, config, reporter)
    store = packed(source, config.image_size, config.channels, reporter)
    return _known(store, anomalous)


def count_shared(store: PackedStore, normal: PackedStore) -> int:
    """Pictures with the very pixels of a normal one."""
    if store.content is None or normal.content is None:
        return 0
    return int(torch.isin(store.content, normal.content).sum())


def _warn_of_channels(source: Source, config: ModelConfig, reporter: Reporter) -> None:
    """Say when pictures have other channels than the model sees."""
    facts = survey(source)
    channels = 1 if facts.gray else facts.channels
    if channels == config.channels:
        return
    kinds = {1: "gray", 3: "color", 4: "color with transparency"}
    seen, shown = (kinds.get(n, f"{n} channels") for n in (config.channels, channels))
    reporter.warn(
        f"The model was trained on {seen} pictures and these are {shown}: they are converted, and"
        f" what {shown} alone shows is not looked at."
        if config.channels < channels
        else f"The model was trained on {seen} pictures and these are {shown}: they are converted,"
        " and errors may speak of that rather than of anomalies."
    )


def _known(store: PackedStore, anomalous: str | None) -> QueryPictures:
    """Which pictures are anomalous by their class; nothing without labels."""
    classes = store.classes or ()
    if store.labels is None or not classes:
        if anomalous is not None:
            raise MaskwrightError(
                "--anomalous names classes and these pictures have no labels; give --labels"
                " FILE.csv (file,label)."
            )
        return QueryPictures(store, None, "")
    named = [name.strip() for name in (anomalous or "").split(",") if name.strip()]
    for name in named:
        if name not in classes:
            raise MaskwrightError(
                f"There is no class '{name}' among these"
                f" pictures.{did_you_mean(name, classes)} They have: {', '.join(classes)}."
            )
    normal = [name for name in classes if name.lower() in NORMAL_NAMES]
    if not named and not normal:
        return QueryPictures(
            store, None, f"classes {', '.join(classes)}: name anomalies with --anomalous"
        )
    chosen = named or [name for name in classes if name not in normal]
    flags = torch.tensor([name in chosen for name in classes])
    # A picture without a label counts as normal nowhere: it has no place in a measurement.
    is_anomalous = flags[store.labels.clamp_min(0)] & (store.labels >= 0)
    if not is_anomalous.any() or is_anomalous.all():
        return QueryPictures(store, None, "all pictures are of one kind, so nothing is measured")
    return QueryPictures(store, is_anomalous, f"anomalies: {', '.join(chosen)}")
