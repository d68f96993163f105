"""torchvision's vision transformer, and the masked autoencoder that lightly built on it before it
built on timm: under official names.

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

_STEM, _FIRST = "conv_proj.weight", "encoder.layers.encoder_layer_0.ln_1.weight"
_PLAIN = {
    "class_token": "cls_token",
    "conv_proj.weight": "patch_embed.proj.weight",
    "conv_proj.bias": "patch_embed.proj.bias",
    "encoder.pos_embedding": "pos_embed",
    "encoder.ln.weight": "norm.weight",
    "encoder.ln.bias": "norm.bias",
}
_DECODER = {
    "pos_embedding": "decoder_pos_embed",
    "ln.weight": "decoder_norm.weight",
    "ln.bias": "decoder_norm.bias",
    "decoder_embed.weight": "decoder_embed.weight",
    "decoder_embed.bias": "decoder_embed.bias",
    "prediction_head.weight": "decoder_pred.weight",
    "prediction_head.bias": "decoder_pred.bias",
}
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


def is_torchvision(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has torchvision's names of a vision transformer, under any stem."""
    return any(
        name.endswith(_STEM) and f"{name.removesuffix(_STEM)}{_FIRST}" in state for name in state
    )


def translate_torchvision(file: WeightFile) -> Translated:
    """Bring a vision transformer of torchvision, or a masked autoencoder of lightly built on one,
    to official names.
    """
    found = (name.removesuffix(_STEM) for name in file.state if name.endswith(_STEM))
    stem = min((one for one in found if f"{one}{_FIRST}" in file.state), key=len)
    encoder = {
        name.removeprefix(stem): value
        for name, value in file.state.items()
        if name.startswith(stem)
    }
    state = {official: encoder[name] for name, official in _PLAIN.items() if name in encoder}
    state |= _blocks(encoder, "encoder.", "blocks")
    notes = (
        ("its classifier is left out",)
        if any(name.startswith("heads.") for name in encoder)
        else ()
    )
    decoder = _decoder(file.state)
    if not decoder:
        return Translated(
            "torchvision", state, Hints(positions="learned", norm_eps=1e-6), notes=notes
        )
    return Translated(
        "lightly", state | decoder, Hints(positions="learned", norm_eps=1e-6), notes=notes
    )


def _decoder(whole: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The second half under official names; empty where there is none, or no mask token
    beside it.
    """
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
        if found := _BLOCK.fullmatch(key.removeprefix(stem)):
            state[f"{name}.{found[1]}.{_leaf(found[2])}"] = value
    return state


def _leaf(rest: str) -> str:
    if rest.startswith("self_attention.in_proj_"):
        return rest.replace("self_attention.in_proj_", "attn.qkv.")
    part, _, kind = rest.rpartition(".")
    return f"{_LEAVES.get(part, part)}.{kind}"
