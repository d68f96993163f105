"""A decoder that comes along with an encoder, or a reason for a new one."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from maskwright.models.config import ModelConfig
from maskwright.weights.model_parts import Parts
from maskwright.weights.table_fitting import fit_positions

_SHAPE = ("decoder", "decoder_width", "decoder_depth", "decoder_heads")
_HEAD = "decoder.pred"


def fit_decoder(
    parts: Parts, config: ModelConfig, model: Mapping[str, Tensor], notes: list[str]
) -> dict[str, Tensor]:
    """The decoder's tensors in the shapes of a model; empty when a new decoder is needed.

    model: names and shapes of the model's tensors.
    """
    if not parts.has_decoder:
        notes.append("The weights have no decoder, so a new one is drawn.")
        return {}
    if not keeps_decoder(parts.config, config):
        old = f"{parts.config.decoder} {parts.config.decoder_width}x{parts.config.decoder_depth}"
        notes.append(f"The decoder of the weights ({old}) is another, so a new one is drawn.")
        return {}
    state = {
        name: value
        for name, value in parts.state.items()
        if name.startswith("decoder.") and not name.startswith((_HEAD, "decoder.pos_embed"))
    }
    # Half a decoder would learn no faster than a new one, and nobody would know.
    wanted = [name for name in model if name.startswith("decoder.")]
    odd = [
        name
        for name in wanted
        if not name.startswith((_HEAD, "decoder.pos_embed"))
        and (name not in state or state[name].shape != model[name].shape)
    ]
    if odd:
        notes.append(f"The decoder of the weights does not fit ({odd[0]}), so a new one is drawn.")
        return {}
    if parts.config.target != config.target:
        notes.append(
            f"The decoder was trained for {parts.config.target} pixels and goes on with"
            f" {config.target} ones."
        )
    state |= fit_positions(parts, config, "decoder", notes)
    return state | _fit_head(parts, config, notes)


def keeps_decoder(old: ModelConfig, new: ModelConfig) -> bool:
    """Whether a decoder of one configuration can stand in another."""
    return all(getattr(old, name) == getattr(new, name) for name in _SHAPE)


def _fit_head(parts: Parts, config: ModelConfig, notes: list[str]) -> dict[str, Tensor]:
    """The prediction head: what it predicts is resized to the new patch and channels."""
    old = parts.config
    weight = _resize_rows(parts.state[f"{_HEAD}.weight"], old, config)
    bias = _resize_rows(parts.state[f"{_HEAD}.bias"][:, None], old, config)[:, 0]
    if (old.patch_size, old.channels) != (config.patch_size, config.channels):
        notes.append(
            f"The prediction head is resized from {old.channels} x {old.patch_size}-pixel patches"
            f" to {config.channels} x {config.patch_size}."
        )
    return {f"{_HEAD}.weight": weight, f"{_HEAD}.bias": bias}


def _resize_rows(rows: Tensor, old: ModelConfig, new: ModelConfig) -> Tensor:
    """(p * p * C, D) rows, one for each pixel of a patch, for another patch size and channels."""
    side, width = old.patch_size, rows.shape[1]
    # (p * p * C, D) -> (D, C, p, p): each column of weights is a small picture.
    pictures = rows.reshape(side, side, old.channels, width).permute(3, 2, 0, 1).float()
    if new.patch_size != side:
        pictures = F.interpolate(
            pictures, size=(new.patch_size,) * 2, mode="bilinear", antialias=True
        )
    # Every new channel begins as the mean of the old ones.
    if new.channels != old.channels:
        pictures = pictures.mean(1, keepdim=True).expand(-1, new.channels, -1, -1)
    return pictures.permute(2, 3, 1, 0).reshape(-1, width).to(rows.dtype)
