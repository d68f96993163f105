"""Both halves as a folder for transformers' ViTMAEForPreTraining.

We write the legacy names ourselves, because 5.23 writes the decoder under names that older versions
do not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.torch_files import write_safetensors
from maskwright.weights.fair_mae import refuse_unofficial, to_official
from maskwright.weights.hf_vit import LEGACY, PLAIN, THIRDS


def check_vitmae(config: ModelConfig) -> None:
    """Raise MaskwrightError, with reasons, for a model that ViTMAE cannot hold."""
    refuse_unofficial(config, "Hugging Face's ViTMAE")
    rows, cols = (side // config.patch_size for side in config.image_size)
    # transformers makes its position tables for a square before it reads ours.
    if rows != cols:
        raise MaskwrightError(
            f"Hugging Face's ViTMAE holds square grids only; this one has {rows}x{cols} patches."
            " Export it as timm, onnx or safetensors instead."
        )


def to_vitmae(model: MaskedAutoencoder) -> dict[str, Tensor]:
    """The model's weights under the legacy names of ViTMAEForPreTraining.

    Raises MaskwrightError as `check_vitmae` does.
    """
    check_vitmae(model.config)
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
        plain = {ours: legacy for legacy, ours in PLAIN.items()}
        return {f"vit.{plain[name]}" if name in plain else f"decoder.{name}": value}
    index, _, leaf = inner.partition(".")
    stem = f"vit.encoder.layer.{index}" if half == "blocks" else f"decoder.decoder_layers.{index}"
    return legacy_layer(stem, leaf, value)


def legacy_layer(stem: str, leaf: str, value: Tensor) -> dict[str, Tensor]:
    """A layer of a block, such as `attn.proj.weight`, under its legacy name, or qkv under three."""
    part, _, kind = leaf.rpartition(".")
    if part != "attn.qkv":
        return {f"{stem}.{LEGACY[part]}.{kind}": value}
    # (3D, D) -> three (D, D)
    return {
        f"{stem}.attention.attention.{third}.{kind}": piece
        for third, piece in zip(THIRDS, value.chunk(3), strict=True)
    }


def vitmae_config(config: ModelConfig, ratio: float = 0.75) -> dict[str, Any]:
    """The config.json of ViTMAEForPreTraining.

    ratio: the share masked when transformers draws its own masks.
    """
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
        "mask_ratio": ratio,
        "norm_pix_loss": config.target == "normalized",
        "initializer_range": 0.02,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "torch_dtype": "float32",
    }


def preprocessor(config: ModelConfig, scale: PixelScale) -> dict[str, Any]:
    """The preprocessor_config.json: what AutoImageProcessor does with a picture."""
    height, width = config.image_size
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": height, "width": width},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(scale.mean),
        "image_std": list(scale.std),
    }


def save_vitmae(folder: Path, model: MaskedAutoencoder, scale: PixelScale) -> None:
    """Write config.json, model.safetensors and preprocessor_config.json."""
    state = to_vitmae(model)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", state, {"format": "pt"})
    write_json(folder / "config.json", vitmae_config(model.config))
    write_json(folder / "preprocessor_config.json", preprocessor(model.config, scale))
