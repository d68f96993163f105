"""An encoder as a model of transformers that sees every patch: ViT, I-JEPA or Pixio.

Which one it is depends on the tokens before the patches: one class token is a ViT, none an I-JEPA,
and more of them a Pixio, whose `pooler_output` is their mean. Layer scales, which none of them has,
are multiplied into the maps before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ROTARY, ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.support.errors import MaskwrightError
from maskwright.weights.hf_vit import PLAIN
from maskwright.weights.hf_vitmae import legacy_layer

# transformers' words for our activations.
_ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh", "quick_gelu": "quick_gelu"}
_CLASSES = {"vit": "ViTModel", "ijepa": "IJepaModel", "pixio": "PixioModel"}
# A layer scale of ours, and the layer before it.
_SCALED = {"ls1": "attn.proj", "ls2": "mlp.fc2"}


def encoder_family(config: ModelConfig) -> str:
    """`vit`, `ijepa` or `pixio`."""
    if config.num_prefix == 0:
        return "ijepa"
    return "vit" if config.num_prefix == config.num_class == 1 else "pixio"


def encoder_class(config: ModelConfig) -> str:
    """The name of transformers' class."""
    return _CLASSES[encoder_family(config)]


def check_encoder(config: ModelConfig) -> None:
    """Raise MaskwrightError, with reasons, for an encoder that none of the three can hold."""
    is_pixio = encoder_family(config) == "pixio"
    height, width = config.image_size
    reasons = {
        f"has {config.positions} positions": config.positions in ROTARY,
        "has a norm before the first block": config.first_norm,
        "lacks a norm at its end": not config.final_norm,
        # Pixio's config takes a whole number alone, and its code a square alone.
        f"has layers {config.mlp_ratio:g} times as wide as its tokens": (
            is_pixio and config.mlp_ratio != int(config.mlp_ratio)
        ),
        f"takes pictures of {height}x{width}, which are no square": is_pixio and height != width,
    }
    if wrong := [reason for reason, holds in reasons.items() if holds]:
        raise MaskwrightError(
            f"transformers' {encoder_class(config)} cannot hold this encoder: it"
            f" {' and '.join(wrong)}. Export it as onnx or safetensors instead."
        )


def to_hf_encoder(model: MaskedAutoencoder | ImageEncoder) -> dict[str, Tensor]:
    """The encoder's weights under the names that the Hub has for its class.

    Raises MaskwrightError as `check_encoder` does.
    """
    check_encoder(model.config)
    plain = {ours: legacy for legacy, ours in PLAIN.items()}
    # Parts of a classifier around an encoder stay out.
    state = _completed(_without_scales(model.encoder.state_dict()), model)
    named: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.startswith("blocks."):
            _, index, leaf = name.split(".", 2)
            named |= _layer(f"encoder.layer.{index}", leaf, value, model.config)
        else:
            named[plain[name]] = value
    if encoder_family(model.config) == "vit":
        named |= _pooler(model.config.width)
    # safetensors refuses tensors that share memory, as the thirds of qkv do.
    return {name: value.detach().cpu().contiguous().clone() for name, value in named.items()}


def _pooler(width: int) -> dict[str, Tensor]:
    """A pooler that gives the class token as it is; without one, ViTModel draws one at random."""
    return {"pooler.dense.weight": torch.eye(width), "pooler.dense.bias": torch.zeros(width)}


def _layer(stem: str, leaf: str, value: Tensor, config: ModelConfig) -> dict[str, Tensor]:
    part, _, kind = leaf.rpartition(".")
    # On the Hub, Pixio's norms have the names that DINOv2's have.
    if encoder_family(config) == "pixio" and part in ("norm1", "norm2"):
        return {f"{stem}.{part}.{kind}": value}
    return legacy_layer(stem, leaf, value)


def _without_scales(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights with each layer scale multiplied into the map before it."""
    scaled = dict(state)
    for name in [name for name in state if name.endswith(".gamma")]:
        block, scale, _ = name.rsplit(".", 2)
        gamma = scaled.pop(name)  # (D,)
        for kind, factor in (("weight", gamma[:, None]), ("bias", gamma)):
            layer = f"{block}.{_SCALED[scale]}.{kind}"
            # (D, any) * (D, 1), or (D,) * (D,)
            scaled[layer] = scaled[layer] * factor
    return scaled


def _completed(
    state: dict[str, Tensor], model: MaskedAutoencoder | ImageEncoder
) -> dict[str, Tensor]:
    """The weights with one tensor of prefix tokens, and with a table of positions."""
    config = model.config
    prefix = [state.pop(name) for name in ("cls_token", "reg_token") if name in state]
    if prefix:
        state["cls_token"] = torch.cat(prefix, dim=1)
    # An encoder without positions adds nothing, as a table of zeros does.
    if "pos_embed" not in state:
        rows = config.num_prefix + model.grid.num_patches
        state["pos_embed"] = torch.zeros(1, rows, config.width)
    return state


def encoder_config(config: ModelConfig) -> dict[str, Any]:
    """The config.json."""
    family = encoder_family(config)
    height, width = config.image_size
    about: dict[str, Any] = {
        "architectures": [_CLASSES[family]],
        "model_type": family,
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "hidden_act": _ACTIVATIONS[config.activation],
        "layer_norm_eps": config.norm_eps,
        "image_size": height if height == width else [height, width],
        "patch_size": config.patch_size,
        "num_channels": config.channels,
        "qkv_bias": True,
        "initializer_range": 0.02,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "torch_dtype": "float32",
    }
    if family == "pixio":
        return about | {"mlp_ratio": int(config.mlp_ratio), "n_cls_tokens": config.num_prefix}
    about["intermediate_size"] = int(config.width * config.mlp_ratio)
    # With the pooler that is written, `pooler_output` is the class token.
    return about | ({"pooler_act": "linear"} if family == "vit" else {})
