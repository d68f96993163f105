"""Hugging Face's ViTMAE, ViT and DINOv2: three sets of names in, one that every version reads out.

Legacy names are on the Hub and in 4.x; 5.x renamed the modules in memory, and 5.23 writes the
decoder as `decoder.decoder_encoder.layer.`, which older versions do not read. So we write the
legacy names ourselves. Their queries, keys and values are our `qkv` in thirds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.torch_files import write_safetensors
from maskwright.weights.fair_mae import refuse_unofficial, to_official
from maskwright.weights.hints import Hints, Target
from maskwright.weights.reading import WeightFile
from maskwright.weights.translation import Translated

_STEM = "embeddings.patch_embeddings.projection.weight"
# Names outside of the blocks, and their official ones.
_PLAIN = {
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
_LEGACY = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
# All names of layers that we read: legacy ones, those of 5.x, and those of DINOv2.
_LEAVES = {legacy: ours for ours, legacy in _LEGACY.items()} | {
    "attention.o_proj": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "norm1": "norm1",
    "norm2": "norm2",
    "layer_scale1": "ls1",
    "layer_scale2": "ls2",
}
_THIRDS = ("query", "key", "value")
_THIRD = re.compile(
    r"attention\.(?:attention\.)?(query|key|value|q_proj|k_proj|v_proj)\.(weight|bias)"
)
_ENCODER_BLOCK = re.compile(r"(?:encoder\.)?layers?\.(\d+)\.(.+)")
_DECODER_BLOCK = re.compile(r"decoder\.(?:decoder_layers|decoder_encoder\.layers?)\.(\d+)\.(.+)")
# What a masked autoencoder has no use for. DINOv2's mask token is that of its training, not ours.
_UNUSED = ("pooler.", "classifier.", "embeddings.mask_token")


def is_hf(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has the names of transformers' vision transformers, under any stem."""
    return any(name.endswith(_STEM) for name in state)


def translate_hf(file: WeightFile) -> Translated:
    """Bring ViTMAE, ViT or DINOv2 to official names.

    The config.json beside the weights gives heads, sizes, epsilon and target.
    """
    # Models with a head of their own keep the encoder under a stem such as `vit.`.
    stem = next(name for name in file.state if name.endswith(_STEM)).removesuffix(_STEM)
    state: dict[str, Tensor] = {}
    thirds: dict[str, dict[int, Tensor]] = {}
    for name, value in file.state.items():
        official, third = _official(name.removeprefix(stem), value)
        if third is not None:
            thirds.setdefault(official, {})[third] = value
        elif official:
            state[official] = value
    # Queries, keys and values: three (D, D) -> (3D, D)
    for official, parts in thirds.items():
        if len(parts) < 3:
            raise MaskwrightError(
                f"{file.path} lacks a part of {official}: query, key and value are needed."
            )
        state[official] = torch.cat([parts[third] for third in range(3)])
    # A ViTMAE may be saved without its decoder; its config still says so.
    is_mae = "decoder_pred.weight" in state or file.config.get("model_type") == "vit_mae"
    hints, notes = _hints(file.config)
    return Translated("hf_vitmae" if is_mae else "hf_vit", state, hints, notes=notes)


def _official(name: str, value: Tensor) -> tuple[str, int | None]:
    """The official name of a parameter and its third of qkv, None when it is whole.

    The name is empty for what a masked autoencoder lacks.
    """
    if name in _PLAIN:
        return _PLAIN[name], None
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


def _hints(config: Mapping[str, Any]) -> tuple[Hints, tuple[str, ...]]:
    """What config.json says, and notes on what it does not."""
    # Without one, heads and target stay open and the epsilon is the official 1e-6.
    if not config:
        return Hints(), ("no config.json beside it: layer norms are computed with epsilon 1e-6",)
    if config.get("hidden_act", "gelu") != "gelu":
        raise MaskwrightError(
            f"This model's activation is {config['hidden_act']}; only the exact gelu is supported."
        )
    size = config.get("image_size")
    side = (size, size) if isinstance(size, int) else size
    # transformers leaves out settings that have their default, which is raw pixels.
    target: Target | None = None
    if "norm_pix_loss" in config or config.get("model_type") == "vit_mae":
        target = "normalized" if config.get("norm_pix_loss") else "raw"
    # The default of the epsilon differs by family.
    default_eps = 1e-12 if config.get("model_type") in ("vit", "vit_mae") else 1e-6
    hints = Hints(
        heads=config.get("num_attention_heads"),
        decoder_heads=config.get("decoder_num_attention_heads"),
        stored_size=None if side is None else (int(side[0]), int(side[1])),
        target=target,
        norm_eps=config.get("layer_norm_eps", default_eps),
    )
    return hints, ()


def to_hf(model: MaskedAutoencoder) -> dict[str, Tensor]:
    """The model's weights under the legacy names of ViTMAEForPreTraining.

    Raises MaskwrightError as `to_official` does, and for a grid that is no square.
    """
    refuse_unofficial(model.config, "Hugging Face's ViTMAE")
    # transformers makes its position tables for a square before it reads ours.
    if model.grid.rows != model.grid.cols:
        raise MaskwrightError(
            "Hugging Face's ViTMAE holds square grids only; this one has"
            f" {model.grid.rows}x{model.grid.cols} patches. Export it as timm, onnx or safetensors"
            " instead."
        )
    state: dict[str, Tensor] = {}
    for name, value in to_official(model).items():
        for legacy, part in _legacy(name, value).items():
            # safetensors refuses tensors that share memory, as the thirds of qkv do.
            state[legacy] = part.cpu().contiguous().clone()
    return state


def _legacy(name: str, value: Tensor) -> dict[str, Tensor]:
    """One official parameter under its legacy name, or qkv under three."""
    half, _, inner = name.partition(".")
    if half not in ("blocks", "decoder_blocks"):
        plain = {ours: legacy for legacy, ours in _PLAIN.items()}
        return {f"vit.{plain[name]}" if name in plain else f"decoder.{name}": value}
    index, _, leaf = inner.partition(".")
    stem = f"vit.encoder.layer.{index}" if half == "blocks" else f"decoder.decoder_layers.{index}"
    part, _, kind = leaf.rpartition(".")
    if part == "attn.qkv":
        # (3D, D) -> three (D, D)
        return {
            f"{stem}.attention.attention.{third}.{kind}": piece
            for third, piece in zip(_THIRDS, value.chunk(3), strict=True)
        }
    return {f"{stem}.{_LEGACY[part]}.{kind}": value}


def hf_config(config: ModelConfig) -> dict[str, Any]:
    """The config.json of ViTMAEForPreTraining."""
    height, width = config.image_size
    # With our epsilon: its default of 1e-12 would change the numbers in the sixth digit.
    return {
        "architectures": ["ViTMAEForPreTraining"],
        "model_type": "vit_mae",
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "intermediate_size": int(config.width * config.mlp_ratio),
        "hidden_act": "gelu",
        "layer_norm_eps": config.norm_eps,
        "image_size": height if height == width else [height, width],
        "patch_size": config.patch_size,
        "num_channels": config.channels,
        "qkv_bias": True,
        "decoder_hidden_size": config.decoder_width,
        "decoder_num_hidden_layers": config.decoder_depth,
        "decoder_num_attention_heads": config.decoder_heads,
        "decoder_intermediate_size": int(config.decoder_width * config.mlp_ratio),
        "mask_ratio": 0.75,
        "norm_pix_loss": config.target == "normalized",
        "initializer_range": 0.02,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "torch_dtype": "float32",
    }


def save_hf(folder: Path, model: MaskedAutoencoder, scale: PixelScale, ratio: float = 0.75) -> None:
    """Write config.json, model.safetensors and preprocessor_config.json.

    ratio: the share masked when transformers draws its own masks.
    """
    config, state = model.config, to_hf(model)
    height, width = config.image_size
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", state, {"format": "pt"})
    write_json(folder / "config.json", {**hf_config(config), "mask_ratio": ratio})
    write_json(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "ViTImageProcessor",
            "do_resize": True,
            "size": {"height": height, "width": width},
            "resample": 3,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(scale.mean),
            "image_std": list(scale.std),
        },
    )
