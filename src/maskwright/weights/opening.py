"""The one door to weights of any origin: files, folders, and `official:`, `timm:` or `zoo:NAME`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedEncoder, LoadedModel, build_for, load_strictly
from maskwright.weights.finite import refuse_not_finite
from maskwright.weights.formats import is_ours, translate_or_refuse
from maskwright.weights.hf_folder import BOTH
from maskwright.weights.hints import Hints, split_hints
from maskwright.weights.model_parts import Parts, adapted, from_foreign, from_ours
from maskwright.weights.official_files import PREFIX as OFFICIAL
from maskwright.weights.official_files import official_file
from maskwright.weights.reading import open_weights
from maskwright.weights.timm_names import PREFIX as TIMM
from maskwright.weights.timm_names import open_timm
from maskwright.weights.zoo import PREFIX as ZOO
from maskwright.weights.zoo import zoo_file

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Opened:
    """Weights as they are stored, and the hints on how to use them."""

    parts: Parts
    hints: Hints


def is_name(source: str) -> bool:
    """Whether a text names weights instead of a file."""
    return source.startswith((OFFICIAL, TIMM, ZOO))


def file_of(source: str) -> Path:
    """The file or folder behind a text: fetched for `official:`, in the package for `zoo:`."""
    if source.startswith(OFFICIAL):
        return official_file(source.removeprefix(OFFICIAL))
    if source.startswith(ZOO):
        return zoo_file(source)
    return Path(source)


def open_parts(source: str | Path, hints: Hints | None = None) -> Parts:
    """Weights taken apart, for whoever fits them to another model; as `load_encoder` otherwise."""
    opened = _open(source, hints, needs_decoder=False)
    _warn_of_assumed(opened.parts)
    return adapted(opened.parts, opened.hints)


def load_encoder(source: str | Path, hints: Hints | None = None) -> LoadedEncoder:
    """Load the encoder of a file, folder or name, with its decoder where there is one.

    source: where it is; `SOURCE@heads=3,image_size=96` adds hints.
    hints: what the file does not say; they win over those behind the @.

    Raises MaskwrightError for what is not there, not readable, of no known format, or not recorded
    in the file (saying which hint to add).
    """
    parts = open_parts(source, hints)
    model = build_for(parts.config, parts.state)
    load_strictly(model, parts.state, source)
    return LoadedEncoder(model.eval(), parts.scale, parts.settings, parts.facts)


def load_autoencoder(source: str | Path, hints: Hints | None = None) -> LoadedModel:
    """Load both halves of a model.

    Raises MaskwrightError as `load_encoder` does, for an encoder alone, and when it is unknown what
    the decoder predicts.
    """
    opened = _open(source, hints, needs_decoder=True)
    _check_decoder(source, opened)
    _warn_of_assumed(opened.parts)
    parts = adapted(opened.parts, opened.hints)
    model = MaskedAutoencoder(parts.config)
    load_strictly(model, parts.state, source)
    return LoadedModel(model.eval(), parts.scale, parts.settings, parts.facts)


def _check_decoder(source: str | Path, opened: _Opened) -> None:
    """Raise MaskwrightError when there is no decoder, or none whose predictions can be read."""
    parts, channels = opened.parts, opened.hints.channels
    if not parts.has_decoder:
        raise _encoder_only(source, len(parts.state))
    # A wrong guess would show plausible pictures with wrong contrast, so nothing is guessed.
    if not parts.knows_target:
        raise MaskwrightError(
            f"{source} does not say whether its decoder predicts raw or normalized pixels, and the"
            " weights do not show it: add --target raw or --target normalized (in Python and"
            f" recipes '{parts.source}@target=raw')."
        )
    if channels not in (None, parts.config.channels):
        raise MaskwrightError(
            f"The decoder of {source} predicts {parts.config.channels} channels; only an encoder"
            " alone takes another number."
        )


def _encoder_only(source: str | Path, num_tensors: int) -> MaskwrightError:
    return MaskwrightError(
        f"{source} has an encoder only ({num_tensors} tensors, no decoder_*): reconstruct needs"
        " both halves; features and evaluation work. Use mae_visualize_vit_*.pth (raw pixels) or"
        " mae_pretrain_vit_*_full.pth (normalized pixels)."
    )


def _open(source: str | Path, hints: Hints | None, *, needs_decoder: bool) -> _Opened:
    """Find out where weights come from and take them apart."""
    text, hints_behind = split_hints(source)
    hints = (hints or Hints()).over(hints_behind)
    if text.startswith(TIMM):
        return _Opened(_from_timm(text, hints), hints)
    refuse_random(hints, source)
    if needs_decoder:
        text = _with_decoder(text)
    file = open_weights(file_of(text))
    if is_ours(file):
        return _Opened(from_ours(text, file), hints)
    translated = translate_or_refuse(file)
    # Before sizes are inferred: an encoder alone may lack hints that would not help anyway.
    if needs_decoder and not translated.has_decoder:
        raise _encoder_only(text, len(translated.state))
    return _Opened(from_foreign(text, file, translated, hints), hints)


def _with_decoder(text: str) -> str:
    """Where both halves are: our folders for transformers have them in a folder below."""
    below = Path(text) / BOTH
    return str(below) if below.is_dir() else text


def refuse_random(hints: Hints, source: str | Path) -> None:
    """Raise MaskwrightError when fresh weights are asked of a file."""
    if hints.random:
        raise MaskwrightError(f"Fresh weights by @random are for {TIMM}NAME; got '{source}'.")


def _warn_of_assumed(parts: Parts) -> None:
    """Say that the pixel scale is a guess: with wrong numbers features are wrong without a sign."""
    if parts.facts.get("pixels_assumed"):
        logger.warning("the pixel scale of %s is %s", parts.source, parts.facts["pixels"])


def _from_timm(text: str, hints: Hints) -> Parts:
    timm_model = open_timm(text.removeprefix(TIMM), random=hints.random)
    refuse_not_finite(timm_model.state, text)
    return Parts(
        source=text,
        config=timm_model.config,
        state=timm_model.state,
        scale=timm_model.scale,
        # It has no decoder that could predict anything.
        knows_target=False,
        settings={},
        facts=timm_model.facts,
    )
