"""The encoder for timm: a .safetensors file with timm's names, and what timm builds it from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ROTARY, ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.support.torch_files import write_safetensors
from maskwright.weights.reading import ABOUT

# Width, depth, heads, patch size and hidden ratio of timm's own names.
_ARCHITECTURES = {
    (192, 12, 3, 16, 4.0): "vit_tiny_patch16_224",
    (384, 12, 6, 16, 4.0): "vit_small_patch16_224",
    (384, 12, 6, 8, 4.0): "vit_small_patch8_224",
    (768, 12, 12, 16, 4.0): "vit_base_patch16_224",
    (768, 12, 12, 8, 4.0): "vit_base_patch8_224",
    (1024, 24, 16, 16, 4.0): "vit_large_patch16_224",
    (1280, 32, 16, 14, 4.0): "vit_huge_patch14_224",
}
# Other sizes travel as arguments that change this one.
_OTHER = "vit_tiny_patch16_224"


class NotExportable(MaskwrightError):
    """This encoder is of a kind that timm's VisionTransformer does not have."""


def export_encoder(
    path: Path | str,
    model: MaskedAutoencoder | ImageEncoder,
    scale: PixelScale,
    note: str = "",
    about: Mapping[str, Any] | None = None,
) -> tuple[Path, Path]:
    """Write the encoder alone and its description; returns both paths.

    There is no mask token and no decoder in the file: timm would misread them.

    note: a sentence for the description.
    about: our own description, kept in the file's metadata.

    Raises MaskwrightError for positions that timm's VisionTransformer has no table for.
    """
    path = Path(path).with_suffix(".safetensors")
    arguments = timm_arguments(model.config)
    save_encoder_tensors(path, model, about)
    described = path.with_suffix(".json")
    write_json(described, _describe(path, arguments, scale, note))
    return path, described


def save_encoder_tensors(
    path: Path, model: MaskedAutoencoder | ImageEncoder, about: Mapping[str, Any] | None = None
) -> None:
    """Write the encoder's weights under timm's names."""
    state = {
        name: value.detach().cpu().contiguous()
        for name, value in _timm_state(model.encoder.state_dict()).items()
    }
    metadata = {"format": "pt"}
    if about:
        metadata[ABOUT] = json.dumps(about)
    write_safetensors(path, state, metadata)


def _timm_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Further class tokens as the first registers, because timm has one class token."""
    classes = state.get("cls_token")
    if classes is None or classes.shape[1] == 1:
        return dict(state)
    first, others = classes.split([1, classes.shape[1] - 1], dim=1)
    registers = [state["reg_token"]] if "reg_token" in state else []
    return {**state, "cls_token": first, "reg_token": torch.cat([others, *registers], dim=1)}


def save_timm_folder(
    folder: Path,
    model: MaskedAutoencoder | ImageEncoder,
    scale: PixelScale,
    about: Mapping[str, Any],
) -> str:
    """Write a folder for `timm.create_model('local-dir:FOLDER')`; returns the architecture's name.

    It holds model.safetensors and config.json as on timm's Hub. The files are also fit for
    `checkpoint_path=`, and for upload as they are.
    """
    architecture, config = hub_config(model.config, scale)
    if about.get("license"):
        config["pretrained_cfg"]["license"] = about["license"]
    folder.mkdir(parents=True, exist_ok=True)
    save_encoder_tensors(folder / "model.safetensors", model, about)
    write_json(folder / "config.json", config)
    return architecture


def hub_config(config: ModelConfig, scale: PixelScale) -> tuple[str, dict[str, Any]]:
    """The name of the architecture and the content of config.json.

    What differs from the named architecture stands in `model_args`.
    """
    arguments = timm_arguments(config)
    size = (config.width, config.depth, config.heads, config.patch_size, config.mlp_ratio)
    architecture = _ARCHITECTURES.get(size, _OTHER)
    pooling = arguments["global_pool"]
    # What timm reads to prepare images, and to put a classifier on top.
    pretrained = {
        "tag": "maskwright",
        "input_size": [config.channels, *config.image_size],
        "fixed_input_size": True,
        "mean": list(scale.mean),
        "std": list(scale.std),
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "num_classes": 0,
        "first_conv": "patch_embed.proj",
        "classifier": "head",
    }
    return architecture, {
        "architecture": architecture,
        "num_classes": 0,
        "num_features": config.width,
        "global_pool": pooling,
        "model_args": arguments,
        "pretrained_cfg": pretrained,
    }


def is_standard(config: ModelConfig) -> bool:
    """Whether timm has an architecture of exactly these sizes, image and channels apart."""
    size = (config.width, config.depth, config.heads, config.patch_size, config.mlp_ratio)
    # Parts that timm's named architectures do not have.
    plain = (
        config.class_token
        and not config.registers
        and config.num_class == 1
        and config.activation == "gelu"
        and config.layer_scale is None
        and config.final_norm
    )
    return size in _ARCHITECTURES and plain and config.positions in ("sincos", "learned")


def timm_arguments(config: ModelConfig) -> dict[str, Any]:
    """The arguments of timm's VisionTransformer that rebuild this encoder."""
    if config.first_norm:
        raise NotExportable(
            "timm's VisionTransformer has a norm before the first block only with a stem without"
            " bias, so this encoder cannot be exported to it; use onnx or safetensors."
        )
    if config.positions in ROTARY:
        raise NotExportable(
            "timm's VisionTransformer has no rotary positions like ours, so this encoder cannot be"
            " exported to it; use the checkpoint with maskwright, or train with positions sincos or"
            " learned."
        )
    # A table of sincos positions travels as timm's learned one: the numbers are the same.
    arguments: dict[str, Any] = {
        "img_size": list(config.image_size),
        "patch_size": config.patch_size,
        "in_chans": config.channels,
        "num_classes": 0,
        "global_pool": "token" if config.class_token else "",
        "embed_dim": config.width,
        "depth": config.depth,
        "num_heads": config.heads,
        "mlp_ratio": config.mlp_ratio,
        "class_token": config.class_token,
        # timm has one class token; further ones stand behind it as registers do.
        "reg_tokens": config.num_prefix - int(config.class_token),
        "pos_embed": "none" if config.positions == "none" else "learn",
    }
    if config.layer_scale is not None:
        arguments["init_values"] = config.layer_scale
    if not config.final_norm:
        arguments["final_norm"] = False
    if config.activation != "gelu":
        arguments["act_layer"] = config.activation
    return arguments


def _describe(
    path: Path, arguments: dict[str, Any], scale: PixelScale, note: str
) -> dict[str, Any]:
    return {
        "architecture": "timm.models.vision_transformer.VisionTransformer",
        "arguments": arguments,
        "image_size": arguments["img_size"],
        "mean": list(scale.mean),
        "std": list(scale.std),
        "note": note,
        "usage": [
            f"about = json.load(open('{path.stem}.json'))",
            "model = timm.models.vision_transformer.VisionTransformer(**about['arguments'])",
            f"model.load_state_dict(safetensors.torch.load_file('{path.name}'))",
        ],
    }
