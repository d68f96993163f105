"""A model taken apart: its weights under our names with everything that is known about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.adapting import adapt_channels, adapt_size
from maskwright.weights.checkpoint import build_for, check_fit, parts_of, progress_of
from maskwright.weights.fair_mae import is_official_name, target_by_name, to_our_names
from maskwright.weights.finite import refuse_not_finite
from maskwright.weights.hints import Hints
from maskwright.weights.inference import infer_config
from maskwright.weights.official_files import LICENSE
from maskwright.weights.pixel_scales import find_scale
from maskwright.weights.reading import WeightFile, section
from maskwright.weights.translation import Translated, complete


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A model taken apart.

    source: the file, folder or name it is from, for messages.
    config: its sizes.
    state: its weights under our names.
    scale: of the pixels it was trained on.
    knows_target: whether somebody said what its decoder predicts.
    settings: of the run that trained it; empty for foreign weights.
    facts: for people and reports: kind, notes, license, and `pixels`, a sentence on the scale of
        foreign weights.
    """

    source: str
    config: ModelConfig
    state: dict[str, Tensor]
    scale: PixelScale
    knows_target: bool
    settings: dict[str, Any]
    facts: dict[str, Any]

    @property
    def has_decoder(self) -> bool:
        """Whether it can reconstruct."""
        return any(name.startswith("decoder.") for name in self.state)


def from_ours(source: str, file: WeightFile) -> Parts:
    """Take a file of maskwright apart.

    Raises MaskwrightError when parts are missing or weights are not finite.
    """
    config, state, scale = parts_of(file.content, file.path)
    assert file.about is not None
    return Parts(
        source=source,
        config=config,
        state=state,
        scale=scale,
        # The target is a part of the configuration that every file of ours carries.
        knows_target=True,
        settings=dict(file.about.get("settings", {})),
        facts=progress_of(file.content) | _stated_license(file.about),
    )


def from_foreign(source: str, file: WeightFile, translated: Translated, hints: Hints) -> Parts:
    """Take a translated file apart.

    hints: of the user; they win over those of the file.

    Raises MaskwrightError, of the kind HintMissing where the user can say what the file does not.
    """
    known = hints.over(translated.hints)
    state = complete(translated.state, known.stored_size)
    # What is raised about shapes does not know the file, so its name is put in front.
    try:
        config = infer_config(state, known)
    except MaskwrightError as error:
        raise type(error)(f"{source}: {error}") from error
    pixels = find_scale(file, translated, hints, config.channels, source)
    facts = {
        "kind": translated.kind,
        "notes": translated.notes,
        "target_from": _target_origin(file, translated, hints),
        "pixels": str(pixels),
        "pixels_assumed": pixels.assumed,
    }
    if license_name := license_of(file, translated):
        facts["license"] = license_name
    # The translation leaves classifiers out; those that were trained here are wanted back.
    settings = dict((file.about or {}).get("settings", {}))
    is_our_classifier = "classes" in settings
    head = _classifier_head(file) if is_our_classifier else {}
    refuse_not_finite(head, source)
    return Parts(
        source=source,
        config=config,
        state=to_our_names(state) | head,
        scale=pixels.scale,
        knows_target=known.target is not None,
        settings=settings if is_our_classifier else {},
        facts=facts,
    )


def license_of(file: WeightFile, translated: Translated) -> str:
    """The license of a foreign file's weights; empty when nothing is known."""
    if is_official_name(file.path):
        return LICENSE
    # What timm's config.json says is about this very file; a family's is a guess by its parts.
    stated = str(section(file.config, "pretrained_cfg").get("license") or "")
    return stated or translated.license


def _stated_license(about: Mapping[str, Any]) -> dict[str, str]:
    """The license that an export of ours carries along from the weights that it was made from."""
    return {"license": str(about["license"])} if about.get("license") else {}


def _classifier_head(file: WeightFile) -> dict[str, Tensor]:
    """The head of a classifier that was trained here and written under timm's names."""
    prefixes = ("head.", "fc_norm.")
    return {name: value for name, value in file.state.items() if name.startswith(prefixes)}


def _target_origin(file: WeightFile, translated: Translated, hints: Hints) -> str:
    """Where it is known from what a decoder predicts: given, file, file name, or unknown."""
    if hints.target is not None:
        return "given"
    if translated.hints.target is None:
        return "unknown"
    # Official weights do not record it; the names of the released files do.
    is_official = translated.kind.startswith("official")
    if is_official and target_by_name(file.path) == translated.hints.target:
        return "file name"
    return "file"


def check_parts(parts: Parts) -> None:
    """Raise what loading would raise for weights that do not fit, without building the model."""
    # On the meta device a model has shapes and no memory.
    with torch.device("meta"):
        model = build_for(parts.config, parts.state)
    check_fit(model, parts.state, parts.source)


def adapted(parts: Parts, hints: Hints) -> Parts:
    """The parts for the image size and number of channels that the hints ask for."""
    if hints.image_size is not None and hints.image_size != parts.config.image_size:
        config, state = adapt_size(parts.config, parts.state, hints.image_size)
        parts = dataclasses.replace(parts, config=config, state=state)
    if hints.channels is None or hints.channels == parts.config.channels:
        return parts
    # A decoder predicts the old channels, so it goes when they change.
    encoder = {name: value for name, value in parts.state.items() if name.startswith("encoder.")}
    config, state, scale = adapt_channels(parts.config, encoder, parts.scale, hints.channels)
    return dataclasses.replace(parts, config=config, state=state, scale=scale)
