"""DINOv3's vision transformers (Simeoni et al. 2025) under three sets of names.

Those of Meta's own files (`storage_tokens`), of timm (`gamma_1`) and of transformers. All have
rotary positions by the picture's sides with base 100, layer scales, register tokens, and keys
without a bias. The largest have gated layers, which a model here has no place for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from maskwright.models.positional import ROTARY_BASE
from maskwright.support.errors import MaskwrightError
from maskwright.weights.hf_config import config_hints
from maskwright.weights.hints import Hints
from maskwright.weights.plain_vit import find_stem, plain_hints, under
from maskwright.weights.query_key_value import Thirds, join_thirds
from maskwright.weights.reading import WeightFile
from maskwright.weights.translation import Translated

LICENSE = "DINOv3 License, if these are Meta's weights: its terms come with them"
_HINTS = Hints(positions="rotary_image", norm_eps=1e-5)

_HF_STEM = "embeddings.patch_embeddings.weight"
_HF_PLAIN = {
    "embeddings.cls_token": "cls_token",
    "embeddings.register_tokens": "reg_token",
    "embeddings.patch_embeddings.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.bias": "patch_embed.proj.bias",
    "norm.weight": "norm.weight",
    "norm.bias": "norm.bias",
}
_HF_LEAVES = {
    "attention.o_proj": "attn.proj",
    "mlp.up_proj": "mlp.fc1",
    "mlp.down_proj": "mlp.fc2",
    "layer_scale1": "ls1",
    "layer_scale2": "ls2",
}
_HF_BLOCK = re.compile(r"(?:model\.)?layer\.(\d+)\.(.+)")
_HF_THIRD = re.compile(r"attention\.([qkv])_proj\.(weight|bias)")
# What is needed for training alone, and heads; in any of the three sets of names.
_UNUSED = ("mask_token", "embeddings.mask_token", "local_cls_norm.", "head.", "fc_norm.")


def is_dinov3(file: WeightFile) -> bool:
    """Whether a file has the names of DINOv3 in one of the three sets."""
    if _hf_stem(file.state) is not None:
        return True
    stem = find_stem(file.state)
    if stem is None:
        return False
    # BEiT has timm's names of layer scales too, beside positions of its own.
    is_timm = f"{stem}blocks.0.gamma_1" in file.state and f"{stem}reg_token" in file.state
    has_table = f"{stem}pos_embed" in file.state
    return f"{stem}storage_tokens" in file.state or (is_timm and not has_table)


def translate_dinov3(file: WeightFile) -> Translated:
    """Bring the encoder to official names.

    Raises MaskwrightError for rotary positions with another base than 100.
    """
    stem = _hf_stem(file.state)
    if stem is not None:
        state = _from_hf(under(file.state, stem), file.path)
        hints = config_hints(file.config).over(_HINTS)
        _check_base(float(file.config.get("rope_theta", ROTARY_BASE)), file.path)
    else:
        state = from_timm_names(under(file.state, find_stem(file.state) or ""), file.path)
        # timm's own description of a file gives the size of its images.
        hints = plain_hints(file).over(_HINTS)
    return Translated("dinov3", state, hints, license=LICENSE)


def from_timm_names(state: Mapping[str, Tensor], path: Path | str) -> dict[str, Tensor]:
    """Official names for the weights of timm's DINOv3, or of Meta's own files."""
    named: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith("rope_embed.periods"):
            _check_periods(value, path)
        elif not name.startswith(_UNUSED) and not name.endswith(".bias_mask"):
            name = name.replace("storage_tokens", "reg_token")
            named[re.sub(r"\.gamma_([12])$", r".ls\1.gamma", name)] = value
    return _with_joined_biases(named)


def _with_joined_biases(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Biases of qkv with zeros for the keys, whatever the file holds there."""
    joined: dict[str, Tensor] = {}
    for name, value in state.items():
        block, _, leaf = name.rpartition(".")
        if leaf == "q_bias" and f"{block}.v_bias" in state:
            parts = (value, torch.zeros_like(value), state[f"{block}.v_bias"])
            joined[f"{block}.qkv.bias"] = torch.cat(parts)
        elif leaf == "v_bias" and f"{block}.q_bias" in state:
            continue
        elif name.endswith("attn.qkv.bias"):
            # Meta's files mask this third when they compute, so what is in it does not count.
            queries, keys, values = value.chunk(3)
            joined[name] = torch.cat([queries, torch.zeros_like(keys), values])
        else:
            joined[name] = value
    return joined


def _hf_stem(state: Mapping[str, Tensor]) -> str | None:
    """What stands before transformers' names; None for other names."""
    # ConvNeXt has a stem of this name, too, but no such layers.
    if not any(name.endswith("layer.0.layer_scale1.lambda1") for name in state):
        return None
    stems = (name.removesuffix(_HF_STEM) for name in state if name.endswith(_HF_STEM))
    return next(stems, None)


def _from_hf(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    named: dict[str, Tensor] = {}
    thirds: Thirds = {}
    for name, value in state.items():
        if name.startswith(_UNUSED):
            continue
        block = _HF_BLOCK.fullmatch(name)
        if block is None:
            # A model without registers has an empty tensor of them.
            if value.numel():
                named[_HF_PLAIN.get(name, name)] = value
        elif third := _HF_THIRD.fullmatch(block[2]):
            whole = f"blocks.{block[1]}.attn.qkv.{third[2]}"
            thirds.setdefault(whole, {})["qkv".index(third[1])] = value
        else:
            part, _, leaf = block[2].rpartition(".")
            leaf = "gamma" if leaf == "lambda1" else leaf
            named[f"blocks.{block[1]}.{_HF_LEAVES.get(part, part)}.{leaf}"] = value
    return named | join_thirds(thirds, path, biased_keys=False)


def _check_periods(periods: Tensor, path: Path | str) -> None:
    """Raise MaskwrightError where a file's own periods are not those of base 100."""
    steps = torch.arange(len(periods)) / len(periods)
    # Meta's files keep them in bfloat16, which is exact to 1 in 256.
    if not torch.allclose(periods.float(), ROTARY_BASE**steps, rtol=1 / 128):
        raise MaskwrightError(
            f"{path} is not supported: the periods of its rotary positions are not those of base"
            f" {ROTARY_BASE:g}."
        )


def _check_base(base: float, path: Path) -> None:
    if base != ROTARY_BASE:
        raise MaskwrightError(
            f"{path} is not supported: its rotary positions have base {base:g}, and a model here"
            f" has {ROTARY_BASE:g}."
        )
