"""The one door to weights of any origin: files and folders of every format here, `official:NAME`
and `timm:NAME`.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.adapting import adapt_channels, adapt_size
from maskwright.weights.checkpoint import (
    LoadedEncoder,
    LoadedModel,
    build_for,
    check_fit,
    load_strictly,
    parts_of,
    progress_of,
)
from maskwright.weights.fair_mae import is_official_name, target_by_name, to_our_names
from maskwright.weights.finite import refuse_not_finite
from maskwright.weights.formats import is_ours, translate_or_refuse
from maskwright.weights.hints import Hints, split_hints
from maskwright.weights.official_files import LICENSE, official_file
from maskwright.weights.official_files import PREFIX as OFFICIAL
from maskwright.weights.pixel_scales import find_scale
from maskwright.weights.reading import WeightFile, open_weights
from maskwright.weights.timm_names import PREFIX as TIMM
from maskwright.weights.timm_names import open_timm
from maskwright.weights.translation import Translated, complete, infer_config

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A model taken apart: its weights under our names and what is known about it.

    facts: for people and reports: kind, notes, license, and `pixels`, a sentence on the scale of
        foreign weights.
    """

    place: str
    config: ModelConfig
    state: dict[str, Tensor]
    scale: PixelScale
    knows_target: bool
    settings: dict[str, Any]
    facts: dict[str, Any]

    @property
    def has_decoder(self) -> bool:
        return any(name.startswith("decoder.") for name in self.state)


def is_name(place: str) -> bool:
    """Whether a text names weights instead of a file."""
    return place.startswith((OFFICIAL, TIMM))


def load_encoder(place: str | Path, hints: Hints | None = None) -> LoadedEncoder:
    """Load the encoder, with its decoder where there is one, of a file, folder or name;
    `PLACE@heads=3,image_size=96` adds hints.

    Raises MaskwrightError for what is not there, not readable, of no known format, or not told by
    the file (saying which hint to add).
    """
    parts, told = _open(place, hints, needs_decoder=False)
    _warn_of_assumed(parts)
    parts = adapted(parts, told)
    model = build_for(parts.config, parts.state)
    load_strictly(model, parts.state, place)
    return LoadedEncoder(model.eval(), parts.scale, parts.settings, parts.facts)


def load_autoencoder(place: str | Path, hints: Hints | None = None) -> LoadedModel:
    """Load both halves; raises MaskwrightError as `load_encoder` does, for an encoder alone, and
    when nobody knows what it predicts.
    """
    parts, told = _open(place, hints, needs_decoder=True)
    if not parts.has_decoder:
        raise _encoder_only(place, len(parts.state))
    if not parts.knows_target:
        raise MaskwrightError(
            f"{place} does not say whether its decoder predicts raw or normalized pixels, and the"
            " weights do not show it: add --target raw or --target normalized (in Python and"
            f" recipes '{parts.place}@target=raw')."
        )
    if told.channels not in (None, parts.config.channels):
        raise MaskwrightError(
            f"The decoder of {place} predicts {parts.config.channels} channels; only an encoder"
            " alone takes another number."
        )
    _warn_of_assumed(parts)
    parts = adapted(parts, told)
    model = MaskedAutoencoder(parts.config)
    load_strictly(model, parts.state, place)
    return LoadedModel(model.eval(), parts.scale, parts.settings, parts.facts)


def _encoder_only(place: str | Path, num_tensors: int) -> MaskwrightError:
    return MaskwrightError(
        f"{place} has an encoder only ({num_tensors} tensors, no decoder_*): reconstruct needs both"
        " halves; features and evaluation work. Use mae_visualize_vit_*.pth (raw pixels) or"
        " mae_pretrain_vit_*_full.pth (normalized pixels)."
    )


def _open(place: str | Path, hints: Hints | None, *, needs_decoder: bool) -> tuple[Parts, Hints]:
    text, behind = split_hints(place)
    told = (hints or Hints()).over(behind)
    if text.startswith(TIMM):
        return _from_timm(text, told), told
    refuse_random(told, place)
    file = open_weights(
        official_file(text.removeprefix(OFFICIAL)) if text.startswith(OFFICIAL) else text
    )
    if is_ours(file):
        return from_ours(text, file), told
    found = translate_or_refuse(file)
    if needs_decoder and not found.has_decoder:
        raise _encoder_only(text, len(found.state))
    return from_foreign(text, file, found, told), told


def check_parts(parts: Parts) -> None:
    """Raise what loading would raise for weights that do not fit the model that is built for them,
    without building it.
    """
    with torch.device("meta"):
        model = build_for(parts.config, parts.state)
    check_fit(model, parts.state, parts.place)


def refuse_random(told: Hints, place: str | Path) -> None:
    """Raise MaskwrightError for fresh weights asked of a file."""
    if told.random:
        raise MaskwrightError(f"Fresh weights by @random are for {TIMM}NAME; got '{place}'.")


def _warn_of_assumed(parts: Parts) -> None:
    """Say to people that the pixel scale is a guess: wrong numbers give wrong features, and nothing
    else would show it.
    """
    if parts.facts.get("pixels_assumed"):
        logger.warning("the pixel scale of %s is %s", parts.place, parts.facts["pixels"])


def _from_timm(text: str, told: Hints) -> Parts:
    config, state, scale, facts = open_timm(text.removeprefix(TIMM), random=told.random)
    refuse_not_finite(state, text)
    return Parts(
        place=text,
        config=config,
        state=state,
        scale=scale,
        knows_target=False,
        settings={},
        facts=facts,
    )


def from_ours(text: str, file: WeightFile) -> Parts:
    """Take a file of maskwright apart; raises MaskwrightError when parts are missing or weights are
    not finite.
    """
    config, state, scale = parts_of(file.content, file.path)
    assert file.about is not None
    settings = dict(file.about.get("settings", {}))
    return Parts(
        place=text,
        config=config,
        state=state,
        scale=scale,
        knows_target=True,
        settings=settings,
        facts=progress_of(file.content),
    )


def from_foreign(text: str, file: WeightFile, found: Translated, told: Hints) -> Parts:
    """Take a translated file apart; raises MaskwrightError, of the kind HintMissing where the user
    can tell what the file does not.
    """
    known = told.over(found.hints)
    state = complete(found.state, known.stored_size)
    try:
        config = infer_config(state, known)
    except MaskwrightError as error:
        raise type(error)(f"{text}: {error}") from error
    pixels = find_scale(file, found, told, config.channels, text)
    facts = {
        "kind": found.kind,
        "notes": found.notes,
        "target_from": target_origin(file, found, told),
        "pixels": str(pixels),
        "pixels_assumed": pixels.assumed,
    }
    if is_official_name(file.path):
        facts["license"] = LICENSE
    head, settings = _own_classifier(file)
    refuse_not_finite(head, text)
    return Parts(
        place=text,
        config=config,
        state=to_our_names(state) | head,
        scale=pixels.scale,
        knows_target=known.target is not None,
        settings=settings,
        facts=facts,
    )


def _own_classifier(file: WeightFile) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The head, and what is known about its classes, of a classifier that was trained here and
    written under timm's names.
    """
    settings = dict((file.about or {}).get("settings", {}))
    if "classes" not in settings:
        return {}, {}
    return {
        name: value for name, value in file.state.items() if name.startswith(("head.", "fc_norm."))
    }, settings


def target_origin(file: WeightFile, found: Translated, told: Hints) -> str:
    """Where the knowledge of what a decoder predicts comes from: given, file, file name, or
    unknown.
    """
    if told.target is not None:
        return "given"
    if found.hints.target is None:
        return "unknown"
    return (
        "file name"
        if target_by_name(file.path) == found.hints.target and found.kind.startswith("official")
        else "file"
    )


def adapted(parts: Parts, told: Hints) -> Parts:
    """Grant the wishes for another image size or number of channels; a decoder predicts the old
    channels, so it goes when they change.
    """
    if told.image_size is not None and told.image_size != parts.config.image_size:
        config, state = adapt_size(parts.config, parts.state, told.image_size)
        parts = dataclasses.replace(parts, config=config, state=state)
    if told.channels is None or told.channels == parts.config.channels:
        return parts
    alone = {name: value for name, value in parts.state.items() if name.startswith("encoder.")}
    config, state, scale = adapt_channels(parts.config, alone, parts.scale, told.channels)
    return dataclasses.replace(parts, config=config, state=state, scale=scale)
