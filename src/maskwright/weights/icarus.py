"""IcarusWizard's MAE for CIFAR-10, the ancestor of many teaching repositories.

Five things differ from the official model: tables lie (token, 1, width) and the encoder's has no
row for the class token; there is no map between the halves, which have one width, so ours is the
identity; the decoder ends without a norm; norms have epsilon 1e-5 and queries, keys and values no
bias; and predicted pixels lie channel by channel, so the rows of the last map are put in another
order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from maskwright.patches.pixels import PixelScale
from maskwright.weights.hints import Hints
from maskwright.weights.reading import WeightFile
from maskwright.weights.translation import Translated

_PLAIN = {
    "cls_token": "cls_token",
    "patchify.weight": "patch_embed.proj.weight",
    "patchify.bias": "patch_embed.proj.bias",
}
_NORM = {"layer_norm.weight": "norm.weight", "layer_norm.bias": "norm.bias"}
_BLOCK = re.compile(r"transformer\.(\d+)\.(.+)")
# torch's default for layer norms.
_EPS = 1e-5
# Heads are not recorded; the original has 3 of 64 channels each.
_HEAD_WIDTH = 64


def is_icarus(file: WeightFile) -> bool:
    """Whether a file is of this model, of its encoder alone, or of its classifier."""
    # The encoder alone has the same names without a prefix.
    names = ("patchify.weight", "pos_embedding")
    is_encoder = all(name in file.state for name in names)
    return is_encoder or all(f"encoder.{name}" in file.state for name in names)


def translate_icarus(file: WeightFile) -> Translated:
    """Bring the model, its encoder or its classifier to official names.

    It sees and predicts raw pixels scaled to [-1, 1].
    """
    has_prefix = "encoder.patchify.weight" in file.state
    encoder = _half(file.state, "encoder.") if has_prefix else file.state
    decoder = _half(file.state, "decoder.") if has_prefix else {}
    names = _PLAIN | _NORM
    state = {official: encoder[name] for name, official in names.items() if name in encoder}
    state |= _blocks(encoder, "blocks")
    # (N, 1, D) -> (1, N, D)
    state["pos_embed"] = encoder["pos_embedding"].transpose(0, 1)
    if decoder:
        state |= _decoder(decoder, encoder["patchify.weight"])
    heads = max(1, state["cls_token"].shape[-1] // _HEAD_WIDTH)
    hints = Hints(
        heads=heads,
        decoder_heads=heads,
        target="raw",
        positions="learned",
        norm_eps=_EPS,
    )
    return Translated(
        "icarus",
        state,
        hints,
        # Pixels in [0, 1] become numbers in [-1, 1].
        PixelScale((0.5,) * 3, (0.5,) * 3),
        (f"heads are not recorded: took {heads}, 64 channels each",),
    )


def _half(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def _decoder(decoder: Mapping[str, Tensor], stem: Tensor) -> dict[str, Tensor]:
    token = decoder["mask_token"]
    width = token.shape[-1]
    state = _blocks(decoder, "decoder_blocks")
    state["mask_token"] = token
    # (1 + N, 1, D) -> (1, 1 + N, D)
    state["decoder_pos_embed"] = decoder["pos_embedding"].transpose(0, 1)
    # Both halves have one width and nothing between them, so our map there is the identity.
    state["decoder_embed.weight"] = torch.eye(width)
    state["decoder_embed.bias"] = torch.zeros(width)
    for kind in ("weight", "bias"):
        state[f"decoder_pred.{kind}"] = channels_last(decoder[f"head.{kind}"], stem.shape[1])
    return state


def channels_last(rows: Tensor, channels: int) -> Tensor:
    """Reorder the rows of a prediction head: (channel, row, column) -> (row, column, channel)."""
    # (C * p * p, ...) -> (C, p * p, ...) -> (p * p, C, ...) -> (p * p * C, ...)
    return rows.unflatten(0, (channels, -1)).transpose(0, 1).flatten(0, 1).contiguous()


def _blocks(half: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    # Layers inside of a block have the official names already: it is built from timm's blocks.
    state = {}
    for key, value in half.items():
        if match := _BLOCK.fullmatch(key):
            state[f"{name}.{match[1]}.{match[2]}"] = value
    return state
