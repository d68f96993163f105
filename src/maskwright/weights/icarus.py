"""IcarusWizard's MAE for CIFAR-10, the ancestor of many teaching repositories: its state dict under
official names.

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
_EPS = 1e-5


def is_icarus(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict is of this model, of its encoder alone, or of its classifier."""
    return {"patchify.weight", "pos_embedding"} <= set(state) or {
        "encoder.patchify.weight",
        "encoder.pos_embedding",
    } <= set(state)


def translate_icarus(file: WeightFile) -> Translated:
    """Bring the model, its encoder or its classifier to official names; raw pixels scaled to [-1,
    1] are what it predicts and sees.
    """
    own = (
        file.state
        if "encoder.patchify.weight" in file.state
        else {f"encoder.{name}": value for name, value in file.state.items()}
    )
    encoder = {
        name.removeprefix("encoder."): value
        for name, value in own.items()
        if name.startswith("encoder.")
    }
    decoder = {
        name.removeprefix("decoder."): value
        for name, value in own.items()
        if name.startswith("decoder.")
    }
    state = {
        official: encoder[name] for name, official in (_PLAIN | _NORM).items() if name in encoder
    }
    state |= _blocks(encoder, "blocks")
    state["pos_embed"] = encoder["pos_embedding"].transpose(0, 1)
    if decoder:
        state |= _decoder(decoder, encoder["patchify.weight"])
    heads = max(1, state["cls_token"].shape[-1] // 64)
    hints = Hints(
        heads=heads, decoder_heads=heads, target="raw", positions="learned", norm_eps=_EPS
    )
    return Translated(
        "icarus",
        state,
        hints,
        PixelScale((0.5,) * 3, (0.5,) * 3),
        (f"heads are not recorded: took {heads}, 64 channels each",),
    )


def _decoder(decoder: Mapping[str, Tensor], stem: Tensor) -> dict[str, Tensor]:
    token = decoder["mask_token"]
    state = _blocks(decoder, "decoder_blocks")
    state |= {"mask_token": token, "decoder_pos_embed": decoder["pos_embedding"].transpose(0, 1)}
    state |= {
        "decoder_embed.weight": torch.eye(token.shape[-1]),
        "decoder_embed.bias": torch.zeros(token.shape[-1]),
    }
    for kind in ("weight", "bias"):
        state[f"decoder_pred.{kind}"] = channels_last(decoder[f"head.{kind}"], stem.shape[1])
    return state


def channels_last(rows: Tensor, channels: int) -> Tensor:
    """Reorder the first dimension of a prediction head from (channel, row, column) to (row, column,
    channel).
    """
    return rows.unflatten(0, (channels, -1)).transpose(0, 1).flatten(0, 1).contiguous()


def _blocks(half: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    found = ((_BLOCK.fullmatch(key), value) for key, value in half.items())
    return {f"{name}.{match[1]}.{match[2]}": value for match, value in found if match}
