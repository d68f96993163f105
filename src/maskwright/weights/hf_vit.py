"""Hugging Face's ViTMAE, ViT and DINOv2 in three sets of names.

Legacy names are on the Hub and in 4.x; 5.x renamed the modules in memory, and 5.23 writes the
decoder as `decoder.decoder_encoder.layer.`. Their queries, keys and values are our `qkv` in thirds.
"""

from __future__ import annotations

import re

from torch import Tensor

from maskwright.weights.hf_config import config_hints
from maskwright.weights.query_key_value import Thirds, join_thirds
from maskwright.weights.reading import WeightFile
from maskwright.weights.translation import Kind, Translated

_STEM = "embeddings.patch_embeddings.projection.weight"
# Names outside of the blocks, and their official ones.
PLAIN = {
    "embeddings.cls_token": "cls_token",
    "embeddings.register_tokens": "reg_token",
    "embeddings.distillation_token": "reg_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}
# Layers of a block by official name, and their legacy ones, which we write.
LEGACY = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
# All names of layers that we read: legacy ones, those of 5.x, and those of DINOv2.
_LEAVES = {legacy: ours for ours, legacy in LEGACY.items()} | {
    "attention.o_proj": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "norm1": "norm1",
    "norm2": "norm2",
    "layer_scale1": "ls1",
    "layer_scale2": "ls2",
}
THIRDS = ("query", "key", "value")
_THIRD = re.compile(
    r"attention\.(?:attention\.)?(query|key|value|q_proj|k_proj|v_proj)\.(weight|bias)"
)
_ENCODER_BLOCK = re.compile(r"(?:encoder\.)?layers?\.(\d+)\.(.+)")
_DECODER_BLOCK = re.compile(r"decoder\.(?:decoder_layers|decoder_encoder\.layers?)\.(\d+)\.(.+)")
# What a masked autoencoder has no use for. DINOv2's mask token is that of its training, not ours.
_UNUSED = ("pooler.", "classifier.", "embeddings.mask_token")


def is_hf(file: WeightFile) -> bool:
    """Whether a file has the names of transformers' vision transformers, under any stem."""
    return any(name.endswith(_STEM) for name in file.state)


def translate_hf(file: WeightFile) -> Translated:
    """Bring ViTMAE, ViT or DINOv2 to official names.

    The config.json beside the weights gives heads, sizes, epsilon and target.
    """
    # Models with a head of their own keep the encoder under a stem such as `vit.`.
    stem = next(name for name in file.state if name.endswith(_STEM)).removesuffix(_STEM)
    state: dict[str, Tensor] = {}
    thirds: Thirds = {}
    for name, value in file.state.items():
        official, third = _official(name.removeprefix(stem), value)
        if third is not None:
            thirds.setdefault(official, {})[third] = value
        elif official:
            state[official] = value
    # Queries, keys and values: three (D, D) -> (3D, D)
    state |= join_thirds(thirds, file.path)
    # A ViTMAE may be saved without its decoder; its config still says so.
    is_mae = "decoder_pred.weight" in state or file.config.get("model_type") == "vit_mae"
    notes: tuple[str, ...] = ()
    if not file.config:
        # Heads and target stay open, and the epsilon is the official one.
        notes = ("no config.json beside it: layer norms are computed with epsilon 1e-6",)
    kind: Kind = "hf_vitmae" if is_mae else "hf_vit"
    return Translated(kind, state, config_hints(file.config), notes=notes)


def _official(name: str, value: Tensor) -> tuple[str, int | None]:
    """The official name of a parameter and its third of qkv, None when it is whole.

    The name is empty for what a masked autoencoder lacks.
    """
    if name in PLAIN:
        return PLAIN[name], None
    if name.startswith(_UNUSED):
        return "", None
    for pattern, blocks in ((_DECODER_BLOCK, "decoder_blocks"), (_ENCODER_BLOCK, "blocks")):
        if match := pattern.fullmatch(name):
            return _block_name(f"{blocks}.{match[1]}", match[2])
    # Outside of its blocks the decoder's parameters have the official names already.
    return name.removeprefix("decoder."), None


def _block_name(block: str, name: str) -> tuple[str, int | None]:
    # All names of a third begin with its letter: query, q_proj.
    if match := _THIRD.fullmatch(name):
        return f"{block}.attn.qkv.{match[2]}", "qkv".index(match[1][0])
    part, _, leaf = name.rpartition(".")
    # DINOv2's layer scales are `lambda1` in both layers.
    leaf = "gamma" if leaf == "lambda1" else leaf
    return f"{block}.{_LEAVES.get(part, part)}.{leaf}", None
