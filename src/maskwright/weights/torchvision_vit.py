"""torchvision's vision transformer, and the masked autoencoder that lightly once built on it.

Attention is torch's own, whose `in_proj` is our `qkv`; norms have epsilon 1e-6. lightly's decoder
is a torchvision encoder with a row of positions for the class token, a map in (`decoder_embed`) and
a map out (`prediction_head`), and the mask token lies beside the halves. Its positions are learned
in both halves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from maskwright.weights.hints import Hints
from maskwright.weights.reading import WeightFile
from maskwright.weights.translation import Translated

# Two names that no other format has together.
_STEM = "conv_proj.weight"
_FIRST = "encoder.layers.encoder_layer_0.ln_1.weight"
# Names outside of the encoder's blocks, and their official ones.
_PLAIN = {
    "class_token": "cls_token",
    "conv_proj.weight": "patch_embed.proj.weight",
    "conv_proj.bias": "patch_embed.proj.bias",
    "encoder.pos_embedding": "pos_embed",
    "encoder.ln.weight": "norm.weight",
    "encoder.ln.bias": "norm.bias",
}
# Names of lightly's decoder outside of its blocks.
_DECODER = {
    "pos_embedding": "decoder_pos_embed",
    "ln.weight": "decoder_norm.weight",
    "ln.bias": "decoder_norm.bias",
    "decoder_embed.weight": "decoder_embed.weight",
    "decoder_embed.bias": "decoder_embed.bias",
    "prediction_head.weight": "decoder_pred.weight",
    "prediction_head.bias": "decoder_pred.bias",
}
# Layers of a block. Older versions name the two of the MLP, newer ones count them.
_LEAVES = {
    "ln_1": "norm1",
    "ln_2": "norm2",
    "self_attention.out_proj": "attn.proj",
    "mlp.0": "mlp.fc1",
    "mlp.3": "mlp.fc2",
    "mlp.linear_1": "mlp.fc1",
    "mlp.linear_2": "mlp.fc2",
}
_BLOCK = re.compile(r"layers\.encoder_layer_(\d+)\.(.+)")


def is_torchvision(file: WeightFile) -> bool:
    """Whether a file has torchvision's names of a vision transformer, under any stem."""
    return any(
        name.endswith(_STEM) and f"{name.removesuffix(_STEM)}{_FIRST}" in file.state
        for name in file.state
    )


def translate_torchvision(file: WeightFile) -> Translated:
    """Bring a vision transformer, or a masked autoencoder built on one, to official names."""
    # The shortest stem, where a file holds several models.
    stems = [name.removesuffix(_STEM) for name in file.state if name.endswith(_STEM)]
    stem = min((stem for stem in stems if f"{stem}{_FIRST}" in file.state), key=len)
    encoder = {
        name.removeprefix(stem): value
        for name, value in file.state.items()
        if name.startswith(stem)
    }
    state = {official: encoder[name] for name, official in _PLAIN.items() if name in encoder}
    state |= _blocks(encoder, "encoder.", "blocks")
    notes: tuple[str, ...] = ()
    if any(name.startswith("heads.") for name in encoder):
        notes = ("its classifier is left out",)
    # The decoder lies beside the encoder, outside of its stem.
    decoder = _decoder(file.state)
    hints = Hints(positions="learned", norm_eps=1e-6)
    return Translated("lightly" if decoder else "torchvision", state | decoder, hints, notes=notes)


def _decoder(whole: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The second half under official names; empty where it or its mask token is missing."""
    head = next((name for name in whole if name.endswith("decoder.prediction_head.weight")), None)
    if head is None:
        return {}
    stem = head.removesuffix("prediction_head.weight")
    token = whole.get(f"{stem.removesuffix('decoder.')}mask_token")
    if token is None:
        return {}
    half = {
        name.removeprefix(stem): value for name, value in whole.items() if name.startswith(stem)
    }
    state = {official: half[name] for name, official in _DECODER.items() if name in half}
    return {"mask_token": token, **state, **_blocks(half, "", "decoder_blocks")}


def _blocks(half: Mapping[str, Tensor], stem: str, name: str) -> dict[str, Tensor]:
    state = {}
    for key, value in half.items():
        if match := _BLOCK.fullmatch(key.removeprefix(stem)):
            state[f"{name}.{match[1]}.{_leaf(match[2])}"] = value
    return state


def _leaf(name: str) -> str:
    # torch's attention holds queries, keys and values in one tensor, in our order.
    if name.startswith("self_attention.in_proj_"):
        return name.replace("self_attention.in_proj_", "attn.qkv.")
    part, _, kind = name.rpartition(".")
    return f"{_LEAVES.get(part, part)}.{kind}"
