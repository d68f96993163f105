"""The encoders that are measured side by side: runs, files, random weights and raw pixels.

`evaluate` and `diagnose` both load, name and compare them here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.data.sources.open import open_source
from maskwright.data.sources.survey import survey
from maskwright.evaluation.frozen import frozen_precision
from maskwright.evaluation.subject import Pictures, Subject
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.hints import split_hints
from maskwright.weights.opening import is_name
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.runs.locate import load_any_encoder
from maskwright.workflows.settings.choices import Facts, choose
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

# The word for untrained weights where a run is expected.
RANDOM = "random"
# The name of a single encoder, whose path is in the report anyway.
ALONE = "this encoder"


@dataclass(frozen=True)
class NamedEncoder:
    """An encoder to measure, under the name that tables and figures give it.

    name: short, and different from the names of the others.
    loaded: the encoder; for raw pixels the one whose size and pixel scale they take.
    is_baseline: whether it is random weights or raw pixels, beside which the others are read.
    is_pixels: whether pictures are described by their pixels alone.
    """

    name: str
    loaded: LoadedEncoder
    is_baseline: bool = False
    is_pixels: bool = False

    @property
    def config(self) -> ModelConfig:
        """The shape of the encoder."""
        return self.loaded.model.config

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the run that it comes from, if any."""
        return self.loaded.settings

    def subject(self, train: Pictures, device: torch.device, seed: int) -> Subject:
        """The encoder with the pictures, at its size, that its probe is fitted on."""
        return Subject(
            name=self.name,
            model=None if self.is_pixels else self.loaded.model,
            scale=self.loaded.scale,
            image_size=self.config.image_size,
            patch_size=self.config.patch_size,
            train=train,
            device=device,
            precision=frozen_precision(device),
            seed=seed,
        )


def load_encoders(
    runs: Sequence[str | Path], names: Sequence[str], data: str | None, device: torch.device
) -> list[NamedEncoder]:
    """Load each under its name.

    `random` has the shape of the first of the others. Alone, it has the shape that a training on
    `data` would choose.
    """
    # By position, because `random` may stand anywhere among them.
    loaded = {at: load_any_encoder(run) for at, run in enumerate(runs) if str(run) != RANDOM}
    if len(loaded) < len(runs):
        first = next(iter(loaded.values()), None)
        config = first.model.config if first is not None else _chosen_config(data, device)
    encoders = []
    for at, name in enumerate(names):
        encoder = loaded[at] if at in loaded else _random_encoder(config)
        encoders.append(NamedEncoder(name, encoder))
    return encoders


def name_runs(runs: Sequence[str | Path]) -> list[str]:
    """A name for each in a table: `this encoder` for one alone, else as `shortest_names`."""
    return [ALONE] if len(runs) == 1 else shortest_names(runs)


def shortest_names(runs: Sequence[str | Path]) -> list[str]:
    """The last parts of each path, as few as tell all apart.

    Names such as timm:NAME stay whole. What is the same throughout gets a number.
    """
    # Hints behind a path say how it is read, and are no part of its name.
    texts = [split_hints(run)[0] for run in runs]
    parts = [[text] if is_name(text) else list(Path(text).parts) for text in texts]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    # The same run twice: whole paths do not tell them apart.
    return [f"{name} #{number}" for number, name in enumerate(names, 1)]


def baselines_of(encoders: Sequence[NamedEncoder]) -> list[NamedEncoder]:
    """Random weights for each shape of encoder, and raw pixels at the size of the first."""
    # The first encoder of each shape lends its pixel scale.
    by_shape: dict[str, NamedEncoder] = {}
    for encoder in encoders:
        by_shape.setdefault(str(encoder.config), encoder)
    baselines = []
    for encoder in by_shape.values():
        name = "random weights" if len(by_shape) == 1 else f"random, as {encoder.name}"
        baselines.append(NamedEncoder(name, _untrained(encoder.loaded), is_baseline=True))
    pixels = NamedEncoder("raw pixels", encoders[0].loaded, is_baseline=True, is_pixels=True)
    return [*baselines, pixels]


def _untrained(loaded: LoadedEncoder) -> LoadedEncoder:
    """The same encoder before any training, with the same pixel scale."""
    # A stream of its own: the same weights whatever the seed of the measurement.
    rng = torch_generator(0, "random weights")
    model = type(loaded.model)(loaded.model.config, rng).eval()
    return LoadedEncoder(model, loaded.scale, {}, {"random": True})


def _random_encoder(config: ModelConfig) -> LoadedEncoder:
    """An encoder of this shape that was never trained, with a plain pixel scale."""
    model = ImageEncoder(config, torch_generator(0, "random weights")).eval()
    # No pictures are known yet: [0, 1] becomes [-2, 2], as of data with an even spread.
    plain = PixelScale((0.5,) * config.channels, (0.25,) * config.channels)
    return LoadedEncoder(model, plain, {}, {"random": True})


def _chosen_config(data: str | None, device: torch.device) -> ModelConfig:
    """The shape that a training on these pictures would choose."""
    if data is None:
        raise MaskwrightError(
            "Random weights alone need --data LABELED, or a RUN beside them whose shape they take."
        )
    # The same facts from which `pretrain` chooses a model.
    source = open_source(data)
    pictures: Any = survey(source)
    facts = Facts(
        len(source),
        min(pictures.median),
        1 if pictures.gray else pictures.channels,
        device.type,
        cpu_count(),
    )
    return model_config(choose(PretrainSettings.from_flat({"data": data}), facts)[0])
