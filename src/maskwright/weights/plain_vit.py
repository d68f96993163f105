"""Vision transformers under timm's names - the official MAE, timm, DINO, DINOv2, supervised ones,
lightly's MAE - under official names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from maskwright.patches.pixels import PixelScale
from maskwright.weights.fair_mae import target_by_name
from maskwright.weights.hints import Hints
from maskwright.weights.reading import WeightFile, section
from maskwright.weights.translation import Kind, Translated

_STEM = "patch_embed.proj.weight"
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


def is_plain_vit(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has timm's names of a vision transformer, under any stem."""
    return _find_stem(state) is not None


def translate_plain(file: WeightFile) -> Translated:
    """Cut a vision transformer out of its stem, drop classifiers and teachers' heads, and tell what
    it is as far as names tell.
    """
    stem = _find_stem(file.state) or ""
    state = {
        name.removeprefix(stem): value
        for name, value in file.state.items()
        if name.startswith(stem)
    }
    kind, decoder = _kind(state, stem, file.state)
    notes = _notes(state, kind)
    encoder = {
        name: value
        for name, value in state.items()
        if not name.startswith((*_NOT_ENCODER, *_DECODER))
    }
    if "register_tokens" in encoder:
        encoder["reg_token"] = encoder.pop("register_tokens")
    return Translated(kind, encoder | decoder, _hints(file), _scale(file), notes)


def _find_stem(state: Mapping[str, Tensor]) -> str | None:
    """What stands before the encoder's names; a teacher wins over a student, then the shortest."""
    found = [name.removesuffix(_STEM) for name in state if name.endswith(_STEM)]
    found = [stem for stem in found if f"{stem}blocks.0.attn.qkv.weight" in state]
    return min(found, key=lambda stem: ("teacher" not in stem, len(stem)), default=None)


def _kind(
    state: Mapping[str, Tensor], stem: str, whole: Mapping[str, Tensor]
) -> tuple[Kind, dict[str, Tensor]]:
    """The kind of file, and its decoder under official names (lightly keeps it in a module beside
    the encoder).
    """
    if "decoder_pred.weight" in state:
        return "official_full", {
            name: value for name, value in state.items() if name.startswith(_DECODER)
        }
    beside = next(
        (
            name.removesuffix("decoder_pred.weight")
            for name in whole
            if name.endswith("decoder.decoder_pred.weight")
        ),
        None,
    )
    if beside is not None:
        return "lightly", {
            name.removeprefix(beside): value
            for name, value in whole.items()
            if name.startswith(beside)
        }
    if stem.endswith("vit.") and f"{stem.removesuffix('vit.')}mask_token" in whole:
        return "lightly", {}
    return (
        "official_finetuned"
        if {"head.weight", "fc_norm.weight"} <= set(state)
        else "official_encoder"
    ), {}


def _notes(state: Mapping[str, Tensor], kind: Kind) -> tuple[str, ...]:
    notes = []
    if kind == "official_finetuned":
        notes.append(
            "its classifier and the norm before it (fc_norm, applied after averaging) are left out;"
            " tokens come without a final norm"
        )
    elif any(name.startswith("head.") for name in state):
        notes.append("its classifier is left out")
    if (
        "register_tokens" in state
        or ("mask_token" in state and kind == "official_encoder")
        or "blocks.0.ls1.gamma" in state
    ):
        notes.append("its names are those of DINOv2")
    return tuple(notes)


def _hints(file: WeightFile) -> Hints:
    """What our own description, timm's config.json or an official file's name tells."""
    if about := _description(file):
        model = about["model"]
        return Hints(
            heads=model["heads"],
            decoder_heads=model["decoder_heads"],
            stored_size=(model["image_size"][0], model["image_size"][1]),
            target=model["target"],
            positions=model["positions"],
            norm_eps=model.get("norm_eps"),
        )
    arguments = section(file.config, "model_args")
    size = arguments.get("img_size")
    return Hints(
        heads=arguments.get("num_heads"),
        stored_size=(
            (size[0], size[1])
            if isinstance(size, list)
            else (size, size)
            if isinstance(size, int)
            else None
        ),
        target=target_by_name(file.path),
        positions="none" if arguments.get("pos_embed") == "none" else None,
    )


def _description(file: WeightFile) -> Mapping[str, Any] | None:
    """What we wrote into a file of another format when we exported to it."""
    return file.about or file.content.get("maskwright_export")


def _scale(file: WeightFile) -> PixelScale | None:
    """What our own description says; config files of others are read in one place for
    all formats.
    """
    about = _description(file)
    return (
        PixelScale(tuple(about["pixel_scale"]["mean"]), tuple(about["pixel_scale"]["std"]))
        if about
        else None
    )
