"""The official MAE format (facebookresearch/mae): names both ways, and its files by name.

Source: He et al. 2022, models_mae.py. Our `encoder.` names are the official ones; our `decoder.X`
is `decoder_X`, except `mask_token`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ROTARY, ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.torch_files import write_torch
from maskwright.weights.hints import Hints, Target
from maskwright.weights.inference import infer_config
from maskwright.weights.translation import complete

IMAGENET = PixelScale((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def to_official(model: MaskedAutoencoder) -> dict[str, Tensor]:
    """The model's weights under official names.

    Raises MaskwrightError for what the format cannot hold, as `refuse_unofficial` does.
    """
    refuse_unofficial(model.config, "The official MAE format")
    return {official_name(name): value.detach() for name, value in model.state_dict().items()}


def refuse_unofficial(config: ModelConfig, where: str) -> None:
    """Raise MaskwrightError, with reasons, for parts that official names have no place for.

    where: the format, as the subject of the sentence.
    """
    reasons = {
        "has no class token": not config.class_token,
        "has several class tokens": config.num_class > 1,
        "has register tokens": config.registers > 0,
        f"has {config.positions} positions": config.positions in (*ROTARY, "none"),
        "has a cross decoder": config.decoder != "full",
        "has layer scales": config.layer_scale is not None,
        "has a norm before the first block": config.first_norm,
        f"has the activation {config.activation}": config.activation != "gelu",
        "lacks a norm at the end of a half": not (config.final_norm and config.decoder_norm),
    }
    if wrong := [reason for reason, holds in reasons.items() if holds]:
        raise MaskwrightError(
            f"{where} cannot hold this model: it {' and '.join(wrong)}. Export it as safetensors"
            " instead."
        )


def from_official(
    state: Mapping[str, Tensor], hints: Hints | None = None
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Infer the configuration of an official full state dict, and rename its weights to ours.

    The target is `normalized` unless `hints` says otherwise: the file does not record it. Raises
    MaskwrightError when there is no decoder.
    """
    check_has_decoder(state)
    state = complete(state, (hints or Hints()).stored_size)
    return infer_config(state, hints), to_our_names(state)


def to_our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An official state dict under our names."""
    return {_our_name(name): value for name, value in state.items()}


def save_official(path: Path, model: MaskedAutoencoder, about: Mapping[str, Any]) -> None:
    """Write {'model': official state dict} as the official training does.

    about: our description, kept beside it where official code never looks.
    """
    # Clones, because a saved view would carry the whole tensor it is a part of.
    state = {name: value.cpu().clone() for name, value in to_official(model).items()}
    write_torch(path, {"model": state, "maskwright_export": dict(about)})


def check_has_decoder(state: Mapping[str, Any]) -> None:
    """Raise the sentence for encoder-only files, which can give features but no reconstruction."""
    if "decoder_pred.weight" in state:
        return
    # Every official file has a stem, with a decoder or without.
    if "patch_embed.proj.weight" not in state:
        raise MaskwrightError(
            "This is not an official MAE state dict; it begins with"
            f" {', '.join(list(state)[:3]) or 'nothing'}."
        )
    raise MaskwrightError(
        f"This checkpoint has an encoder only ({len(state)} tensors, no decoder_*): reconstruct"
        " needs both halves; features and evaluation work. Use mae_visualize_vit_*.pth (raw"
        " pixels) or mae_pretrain_vit_*_full.pth (normalized pixels)."
    )


def target_by_name(path: Path | str) -> Target | None:
    """What a file of the official release predicts by its name; None for other names.

    The weights do not show it.
    """
    name = Path(path).name
    if name.startswith("mae_visualize_vit_"):
        return "raw"
    return "normalized" if name.startswith("mae_pretrain_vit_") else None


def is_official_name(path: Path | str) -> bool:
    """Whether a file is named like one of the official release, whose license is CC-BY-NC 4.0."""
    return Path(path).name.startswith(
        ("mae_visualize_vit_", "mae_pretrain_vit_", "mae_finetuned_vit_")
    )


def official_name(name: str) -> str:
    """The official name of one of our parameters."""
    half, _, inner = name.partition(".")
    # The mask token is the decoder's, but it stands without a prefix there.
    if half == "encoder" or inner == "mask_token":
        return inner
    return f"decoder_{inner}"


def _our_name(name: str) -> str:
    if name == "mask_token" or name.startswith("decoder_"):
        return f"decoder.{name.removeprefix('decoder_')}"
    return f"encoder.{name}"
