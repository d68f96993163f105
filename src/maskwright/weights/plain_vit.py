"""Vision transformers under timm's names: the official MAE, timm, DINO, DINOv2, lightly's MAE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from maskwright.patches.pixels import PixelScale
from maskwright.weights.fair_mae import target_by_name
from maskwright.weights.hints import Hints
from maskwright.weights.reading import WeightFile, section
from maskwright.weights.timm_activation import activation_of_name
from maskwright.weights.translation import Kind, Translated

_STEM = "patch_embed.proj.weight"
# Heads of classifiers, poolings and self-distillation.
_NOT_ENCODER = (
    "head.",
    "head_dist.",
    "fc_norm.",
    "pre_logits.",
    "attn_pool.",
    "dino_head.",
    "ibot_head.",
)
_DECODER = ("decoder_", "mask_token")
_ASSUMED_ACTIVATION = (
    "its activation is not recorded: took the exact GELU; @activation=gelu_tanh is that of SigLIP 2"
    " and of the size So400m"
)


def is_plain_vit(file: WeightFile) -> bool:
    """Whether a file has timm's names of a vision transformer, under any stem."""
    return find_stem(file.state) is not None


def translate_plain(file: WeightFile) -> Translated:
    """Cut a vision transformer out of its stem, drop heads, and say what it is by its names."""
    stem = find_stem(file.state) or ""
    state = under(file.state, stem)
    kind, decoder = _kind(state, stem, file.state)
    notes = _notes(state, kind)
    encoder = {
        name: value
        for name, value in state.items()
        if not name.startswith((*_NOT_ENCODER, *_DECODER))
    }
    # DINOv2's own code calls them so; timm says reg_token.
    if "register_tokens" in encoder:
        encoder["reg_token"] = encoder.pop("register_tokens")
    about = _description(file) or {}
    encoder = _with_class_tokens(encoder, section(about, "model").get("class_tokens", 1))
    hints = plain_hints(file)
    if "attn_pool.latent" in state and hints.activation is None:
        notes = (*notes, _ASSUMED_ACTIVATION)
    license_name = str(about.get("license") or "")
    return Translated(kind, encoder | decoder, hints, _scale(file), notes, license_name)


def under(state: Mapping[str, Tensor], stem: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a stem, by the rest of their names."""
    return {
        name.removeprefix(stem): value for name, value in state.items() if name.startswith(stem)
    }


def _with_class_tokens(encoder: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    """Put class tokens together that an export of ours wrote as one and registers."""
    if count == 1 or "reg_token" not in encoder:
        return encoder
    tokens = torch.cat([encoder["cls_token"], encoder["reg_token"]], dim=1)
    joined = encoder | {"cls_token": tokens[:, :count], "reg_token": tokens[:, count:]}
    # A model without registers has no tensor of them.
    if joined["reg_token"].shape[1] == 0:
        del joined["reg_token"]
    return joined


def find_stem(state: Mapping[str, Tensor]) -> str | None:
    """What stands before the encoder's names; a teacher wins over a student, then the shortest."""
    stems = [name.removesuffix(_STEM) for name in state if name.endswith(_STEM)]
    # Other networks have a stem of this name too, but no such blocks.
    stems = [stem for stem in stems if f"{stem}blocks.0.attn.qkv.weight" in state]
    return min(stems, key=lambda stem: ("teacher" not in stem, len(stem)), default=None)


def _kind(
    state: Mapping[str, Tensor], stem: str, whole: Mapping[str, Tensor]
) -> tuple[Kind, dict[str, Tensor]]:
    """The kind of file, and its decoder under official names.

    state: what stands under the stem.
    whole: everything.
    """
    if "decoder_pred.weight" in state:
        decoder = {name: value for name, value in state.items() if name.startswith(_DECODER)}
        return "official_full", decoder
    # lightly keeps the decoder in a module beside the encoder.
    last = next((name for name in whole if name.endswith("decoder.decoder_pred.weight")), None)
    if last is not None:
        prefix = last.removesuffix("decoder_pred.weight")
        decoder = {
            name.removeprefix(prefix): value
            for name, value in whole.items()
            if name.startswith(prefix)
        }
        return "lightly", decoder
    # Its encoder alone is known by the mask token beside it.
    if stem.endswith("vit.") and f"{stem.removesuffix('vit.')}mask_token" in whole:
        return "lightly", {}
    # A norm behind the pooling is what the official fine-tuning adds.
    if "head.weight" in state and "fc_norm.weight" in state:
        return "official_finetuned", {}
    return "official_encoder", {}


def _notes(state: Mapping[str, Tensor], kind: Kind) -> tuple[str, ...]:
    notes = []
    if kind == "official_finetuned":
        notes.append(
            "its classifier and the norm before it (fc_norm, applied after averaging) are left out;"
            " tokens come without a final norm"
        )
    elif any(name.startswith("head.") for name in state):
        notes.append("its classifier is left out")
    # Registers, layer scales and a mask token without a decoder came with DINOv2.
    has_mask_token = "mask_token" in state and kind == "official_encoder"
    if has_mask_token or "register_tokens" in state or "blocks.0.ls1.gamma" in state:
        notes.append("its names are those of DINOv2")
    return tuple(notes)


def plain_hints(file: WeightFile) -> Hints:
    """What our own description, timm's config.json or an official file's name says."""
    # Exports of ours know everything.
    if about := _description(file):
        model = about["model"]
        return Hints(
            heads=model["heads"],
            decoder_heads=model["decoder_heads"],
            stored_size=(model["image_size"][0], model["image_size"][1]),
            target=model["target"],
            positions=model["positions"],
            norm_eps=model.get("norm_eps"),
            activation=model.get("activation"),
        )
    arguments = section(file.config, "model_args")
    return Hints(
        heads=arguments.get("num_heads"),
        stored_size=_size(arguments.get("img_size")) or _input_size(file),
        target=target_by_name(file.path),
        positions="none" if arguments.get("pos_embed") == "none" else None,
        activation=_activation(file),
    )


def _input_size(file: WeightFile) -> tuple[int, int] | None:
    """(height, width) that timm's description of a file gives, for weights without a table."""
    size = section(file.config, "pretrained_cfg").get("input_size")
    # A table shows its size itself, and timm may describe a larger picture.
    has_table = any(name.endswith("pos_embed") for name in file.state)
    return None if has_table or not isinstance(size, list) else (size[1], size[2])


def _activation(file: WeightFile) -> str | None:
    """The activation of timm's model that a file's config or name tells; None where none does."""
    names = (str(file.config.get("architecture") or ""), file.path.stem)
    # Among plain transformers, only those trained with texts have others than the exact GELU.
    known = (name for name in names if "clip" in name or "siglip" in name)
    found = (activation_of_name(name) for name in known)
    return next((activation for activation in found if activation is not None), None)


def _size(value: Any) -> tuple[int, int] | None:
    """(height, width) from timm's `img_size`, a number or a list of two."""
    if isinstance(value, list):
        return value[0], value[1]
    if isinstance(value, int):
        return value, value
    return None


def _description(file: WeightFile) -> Mapping[str, Any] | None:
    """What we wrote into a file of another format when we exported to it."""
    return file.about or file.content.get("maskwright_export")


def _scale(file: WeightFile) -> PixelScale | None:
    """What our own description says."""
    # The config files of others are read in `pixel_scales`, for all formats.
    about = _description(file)
    if not about:
        return None
    scale = about["pixel_scale"]
    return PixelScale(tuple(scale["mean"]), tuple(scale["std"]))
