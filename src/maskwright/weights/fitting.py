"""Weights made to fit another model: the one place that decides what is adapted, dropped or new.

The encoder keeps what it computes as far as the new shape allows. Everything that was changed is
said in a sentence.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ROTARY, ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.decoder_fitting import fit_decoder
from maskwright.weights.model_parts import Parts
from maskwright.weights.stem_fitting import Stem, fit_stem, stem_of
from maskwright.weights.table_fitting import fit_positions, fit_prefix

_STEM = "encoder.patch_embed.proj"
# What decides whether blocks of one encoder can stand in another.
_SHAPE = ("width", "depth", "heads", "mlp_ratio")
# The layer of a block that its layer scale multiplies.
_SCALED = {"ls1": "attn.proj", "ls2": "mlp.fc2"}


@dataclass(frozen=True, kw_only=True)
class FittedWeights:
    """Weights in the shapes of a model that is about to train.

    source: where they are from.
    state: tensors under our names; what is missing in it starts fresh.
    stem: the patch embedding of plain pixels.
    notes: sentences on what was adapted, dropped or is new.
    has_decoder: whether the decoder came along.
    """

    source: str
    state: dict[str, Tensor]
    stem: Stem
    notes: tuple[str, ...]
    has_decoder: bool

    def copy_into(self, model: MaskedAutoencoder, scale: PixelScale) -> None:
        """Copy into a model whose images come in a pixel scale, whatever scale they had before."""
        stem = self.stem.under(scale)
        state = {**self.state, f"{_STEM}.weight": stem.weight, f"{_STEM}.bias": stem.bias}
        # Not strict: a decoder that did not come along stays as it was drawn.
        model.load_state_dict(state, strict=False)


def fit_weights(parts: Parts, config: ModelConfig) -> FittedWeights:
    """Fit weights to the model of a configuration.

    Channels and patch size of the patch embedding, positions, prefix tokens, layer scales and the
    prediction head are adapted. Raises MaskwrightError when the encoders differ in shape.
    """
    _check_shape(parts, config)
    _check_numbers(parts, config)
    model = _without_memory(config)
    notes: list[str] = []
    if license_name := parts.facts.get("license"):
        notes.append(f"The license of its weights: {license_name}.")
    state = {
        name: value for name, value in parts.state.items() if name.startswith("encoder.blocks.")
    }
    state |= _final_norm(parts, config, notes)
    state = _fold_layer_scales(state, notes)
    stem = fit_stem(stem_of(parts), config, notes)
    state |= fit_prefix(parts, config, notes)
    state |= fit_positions(parts, config, "encoder", notes)
    decoder = fit_decoder(parts, config, model, notes)

    # The stem is kept apart until the pixel scale of the pictures is known.
    _check_complete(parts, model, {*state, f"{_STEM}.weight", f"{_STEM}.bias"})
    return FittedWeights(
        source=parts.source,
        state=state | decoder,
        stem=stem,
        notes=tuple(notes),
        has_decoder=bool(decoder),
    )


def _check_shape(parts: Parts, config: ModelConfig) -> None:
    theirs = dataclasses.replace(parts.config, mlp_ratio=round(parts.config.mlp_ratio, 4))
    if any(getattr(theirs, name) != getattr(config, name) for name in _SHAPE):
        raise MaskwrightError(
            f"The encoder of {parts.source} does not fit this run's: it is {_describe(theirs)},"
            f" this run's is {_describe(config)}. Leave out --model, --width, --depth and --heads"
            " to take the shape from the weights."
        )


def _check_numbers(parts: Parts, config: ModelConfig) -> None:
    """Raise MaskwrightError where the same weights would compute something else in this run."""
    theirs = parts.config
    differing = {
        # Queries and keys were trained to be turned, or never to be.
        "positions": theirs.positions in ROTARY and theirs.positions != config.positions,
        "activation": theirs.activation != config.activation,
        "first norm": theirs.first_norm != config.first_norm,
    }
    if wrong := [name for name, differs in differing.items() if differs]:
        raise MaskwrightError(
            f"The encoder of {parts.source} does not fit this run's: its {' and '.join(wrong)}"
            " differ. A run can start from an encoder of the same kind alone."
        )


def _describe(config: ModelConfig) -> str:
    shape = f"{config.width} wide, {config.depth} deep, with {config.heads} heads"
    return (
        shape if config.mlp_ratio == 4 else f"{shape} and MLPs {config.mlp_ratio:g} times as wide"
    )


def _without_memory(config: ModelConfig) -> dict[str, Tensor]:
    """Names and shapes of a model's tensors."""
    # On the meta device a model has shapes and no memory.
    with torch.device("meta"):
        return MaskedAutoencoder(config).state_dict()


def _check_complete(parts: Parts, model: dict[str, Tensor], held: set[str]) -> None:
    """Refuse half an encoder, which would be a silent mistake."""
    fresh = ("encoder.cls_token", "encoder.reg_token", "encoder.pos_embed", "encoder.norm.")
    missing = [
        name
        for name in model
        if name.startswith("encoder.") and name not in held and not name.startswith(fresh)
    ]
    if missing:
        raise MaskwrightError(
            f"The encoder of {parts.source} does not fit this run's: it lacks"
            f" {', '.join(missing[:3])}."
        )


def _final_norm(parts: Parts, config: ModelConfig, notes: list[str]) -> dict[str, Tensor]:
    """The norm after the last block; a model here always has one."""
    if parts.config.final_norm or not config.final_norm:
        return {name: parts.state[name] for name in parts.state if name.startswith("encoder.norm.")}
    notes.append("The norm after the last block is new: the weights have none.")
    return {}


def _fold_layer_scales(state: dict[str, Tensor], notes: list[str]) -> dict[str, Tensor]:
    """Multiply layer scales into the layers before them, which computes the same."""
    kept = {name: value for name, value in state.items() if not name.endswith(".gamma")}
    for name, gamma in state.items():
        block, is_scale, _ = name.partition(".ls")
        if not is_scale:
            continue
        layer = f"{block}.{_SCALED[name.split('.')[-2]]}"
        # (out, in) weights and (out,) biases are both scaled by output.
        kept[f"{layer}.weight"] = kept[f"{layer}.weight"] * gamma[:, None]
        kept[f"{layer}.bias"] = kept[f"{layer}.bias"] * gamma
    if len(kept) < len(state):
        notes.append("Layer scales are multiplied into the layers before them; nothing changes.")
    return kept
