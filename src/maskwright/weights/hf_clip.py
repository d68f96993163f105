"""The vision towers of CLIP and SigLIP under the names of transformers.

CLIP has a class token, a norm before the first block and a stem without bias; SigLIP has neither
class token nor that norm, and an attention pooling, which is left out. In models of pictures and
texts the tower stands under `vision_model.`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.weights.hf_config import config_hints
from maskwright.weights.plain_vit import under
from maskwright.weights.query_key_value import Thirds, join_thirds
from maskwright.weights.reading import WeightFile
from maskwright.weights.translation import Translated

_STEM = "embeddings.patch_embedding.weight"
_PLAIN = {
    "embeddings.class_embedding": "cls_token",
    "embeddings.position_embedding.weight": "pos_embed",
    "embeddings.patch_embedding.weight": "patch_embed.proj.weight",
    "embeddings.patch_embedding.bias": "patch_embed.proj.bias",
    # It is written so.
    "pre_layrnorm.weight": "norm_pre.weight",
    "pre_layrnorm.bias": "norm_pre.bias",
    "post_layernorm.weight": "norm.weight",
    "post_layernorm.bias": "norm.bias",
}
_LEAVES = {
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "self_attn.out_proj": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_BLOCK = re.compile(r"encoder\.layers\.(\d+)\.(.+)")
_THIRD = re.compile(r"self_attn\.([qkv])_proj\.(weight|bias)")
# Poolings, heads and a buffer of older versions; the text tower where nothing stands before ours.
_UNUSED = ("head.", "classifier.", "visual_projection.", "embeddings.position_ids")
_POOLING = "head.probe"


def is_hf_clip(file: WeightFile) -> bool:
    """Whether a file has the names of transformers' CLIP or SigLIP, under any stem."""
    return _stem(file.state) is not None


def translate_hf_clip(file: WeightFile) -> Translated:
    """Bring the vision tower to official names.

    The config.json beside the weights gives heads, epsilon and activation. Raises MaskwrightError
    for SigLIP 2 of flexible sizes, whose stem takes patches.
    """
    tower = under(file.state, _stem(file.state) or "")
    if tower[_STEM].ndim != 4:
        raise MaskwrightError(
            f"{file.path} is not supported: its stem takes patches that are cut out already, as"
            " that of SigLIP 2 for flexible sizes (naflex) does."
        )
    is_clip = "embeddings.class_embedding" in tower
    # (D,) -> (1, 1, D), and (N, D) -> (1, N, D)
    state = {
        name: value[None, None] if value.ndim == 1 and name == "cls_token" else value
        for name, value in _renamed(tower, file).items()
    }
    state["pos_embed"] = state["pos_embed"][None]
    return Translated(
        "clip" if is_clip else "siglip",
        state,
        config_hints(file.config),
        notes=_notes(tower, is_clip),
    )


def _stem(state: Mapping[str, Tensor]) -> str | None:
    stems = (name.removesuffix(_STEM) for name in state if name.endswith(_STEM))
    return next(stems, None)


def _renamed(tower: Mapping[str, Tensor], file: WeightFile) -> dict[str, Tensor]:
    named: dict[str, Tensor] = {}
    thirds: Thirds = {}
    for name, value in tower.items():
        if name.startswith(_UNUSED):
            continue
        block = _BLOCK.fullmatch(name)
        if block is None:
            named[_PLAIN.get(name, name)] = value
        elif third := _THIRD.fullmatch(block[2]):
            whole = f"blocks.{block[1]}.attn.qkv.{third[2]}"
            thirds.setdefault(whole, {})["qkv".index(third[1])] = value
        else:
            part, _, leaf = block[2].rpartition(".")
            named[f"blocks.{block[1]}.{_LEAVES.get(part, part)}.{leaf}"] = value
    return named | join_thirds(thirds, file.path)


def _notes(tower: Mapping[str, Tensor], is_clip: bool) -> tuple[str, ...]:
    notes = []
    if is_clip:
        notes.append(
            "the last norm, which CLIP applies to the class token alone, is applied to all tokens,"
            " as in timm"
        )
    if _POOLING in tower:
        notes.append("its attention pooling is left out")
    return tuple(notes)
