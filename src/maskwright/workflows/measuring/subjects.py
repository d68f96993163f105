"""The encoders that are measured side by side: runs, files, names and fresh weights, with trivial
ones beside the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.data.sources.open import open_source
from maskwright.data.sources.survey import survey
from maskwright.evaluation.readout import DEFAULT_READOUT
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.support.variables import cache_folder
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.hints import split_hints
from maskwright.weights.opening import is_name
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.loading.labeled import Labeled, find_split
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.measuring.bench import Bench
from maskwright.workflows.measuring.feature_cache import FeatureCache
from maskwright.workflows.runs.locate import load_any_encoder
from maskwright.workflows.settings.choices import Found, choose
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

RANDOM = "random"
ALONE = "this encoder"


@dataclass(frozen=True)
class Subject:
    """A named encoder to measure."""

    name: str
    loaded: LoadedEncoder


Measured = tuple[str, LoadedEncoder | None, ModelConfig]


def load_subjects(
    runs: Sequence[str | Path], data: str | None, device: torch.device
) -> list[Subject]:
    """Load each; `random` has the shape of the first of the others, or alone the one that a
    training on `data` would choose.
    """
    given = {place: load_any_encoder(run) for place, run in enumerate(runs) if str(run) != RANDOM}
    first = next(iter(given.values()), None)
    loaded = [
        given.get(place) or _fresh(first.model.config if first else _chosen_config(data, device))
        for place in range(len(runs))
    ]
    return [Subject(name, one) for name, one in zip(name_runs(runs), loaded, strict=True)]


def name_runs(runs: Sequence[str | Path]) -> list[str]:
    """A short name for each: `this encoder` for one alone, else the last part of its path, longer
    where two are alike.
    """
    if len(runs) == 1:
        return [ALONE]
    texts = [split_hints(run)[0] for run in runs]
    parts = [[text] if is_name(text) else list(Path(text).parts) for text in texts]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{name} #{place}" for place, name in enumerate(names, 1)]


def benches(
    subjects: Sequence[Subject],
    asked: LabeledSettings,
    *,
    baselines: bool,
    cache: bool,
    device: torch.device,
    seed: int,
    reporter: Reporter,
    readout: str = DEFAULT_READOUT,
) -> Iterator[tuple[Bench, Labeled]]:
    """One bench after another: every subject, then random weights and raw pixels in the size of the
    first.

    readout: which features are read, of random weights as of all others.
    """
    split = find_split(asked, reporter)
    _warn_of_ranges(subjects, asked, reporter)
    found: dict[tuple[tuple[int, int], int], Labeled] = {}
    kept = FeatureCache(cache_folder() / "features", reporter) if cache else None

    for name, loaded, config in [
        *_named(subjects),
        *(_trivial(subjects[0].loaded) if baselines else ()),
    ]:
        shape = (config.image_size, config.channels)
        if shape not in found:
            found[shape] = split.open(*shape, reporter)
        pictures = found[shape]
        bench = Bench(
            name=name,
            loaded=loaded,
            image_size=config.image_size,
            train=pictures.train,
            test=pictures.test,
            seed=seed,
            device=device,
            reporter=reporter,
            cache=kept,
            readout=readout,
        )
        yield bench, pictures


def _warn_of_ranges(
    subjects: Sequence[Subject], asked: LabeledSettings, reporter: Reporter
) -> None:
    """All see the same pictures: say which were trained under another range of values."""
    other = [
        f"{one.name} ({one.loaded.settings['value_range']})"
        for one in subjects
        if one.loaded.settings.get("value_range") not in (None, asked.value_range)
    ]
    if other:
        reporter.warn(
            f"Trained under another value range than the {asked.value_range or 'measured one'} of"
            f" this evaluation: {', '.join(other)}; measure them alone to see their own."
        )


def _named(subjects: Sequence[Subject]) -> list[Measured]:
    return [(one.name, one.loaded, one.loaded.model.config) for one in subjects]


def _trivial(first: LoadedEncoder) -> list[Measured]:
    """Random weights and raw pixels, in the size of an encoder."""
    config = first.model.config
    untrained = type(first.model)(config, torch_generator(0, "random weights")).eval()
    return [
        ("random weights", LoadedEncoder(untrained, first.scale, {}, {"random": True}), config),
        ("raw pixels", None, config),
    ]


def _fresh(config: ModelConfig) -> LoadedEncoder:
    """An encoder with weights drawn from a stream of their own and never trained."""
    model = ImageEncoder(config, torch_generator(0, "random weights")).eval()
    plain = PixelScale((0.5,) * config.channels, (0.25,) * config.channels)
    return LoadedEncoder(model, plain, {}, {"random": True})


def _chosen_config(data: str | None, device: torch.device) -> ModelConfig:
    if data is None:
        raise MaskwrightError(
            "Random weights alone need --data LABELED, or a RUN beside them whose shape they take."
        )
    opened = open_source(data)
    found: Any = survey(opened)
    facts = Found(
        len(opened),
        min(found.median),
        1 if found.gray else found.channels,
        device.type,
        cpu_count(),
    )
    return model_config(choose(PretrainSettings.from_flat({"data": data}), facts)[0])
