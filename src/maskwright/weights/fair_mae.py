"""The official MAE format (facebookresearch/mae): exact names both ways, sizes read off the shapes.

Source: He et al. 2022, models_mae.py. Our `encoder.` names are the official ones; our `decoder.X` is `decoder_X`, except `mask_token`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel, load_strictly
from maskwright.weights.facts import read_file, weights_in

IMAGENET = PixelScale((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HEADS_OF_WIDTH = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}
_DECODER_HEADS = 16

Target = Literal["raw", "normalized"]


@dataclass(frozen=True, kw_only=True)
class OfficialFacts:
    """What an official file does not say about itself; None is inferred (heads by width, a square image, target from the file's name)."""

    heads: int | None = None
    decoder_heads: int | None = None
    image_size: tuple[int, int] | None = None
    target: Target | None = None


def to_official(model: MaskedAutoencoder) -> dict[str, Tensor]:
    """The model's weights under official names.

    Raises MaskwrightError for what the format cannot hold: no class token, registers, rotary or no positions, a cross decoder.
    """
    config = model.config
    reasons = {
        "has no class token": not config.class_token,
        "has register tokens": config.registers > 0,
        f"has {config.positions} positions": config.positions in ("rotary", "none"),
        "has a cross decoder": config.decoder != "full",
    }
    if wrong := [reason for reason, holds in reasons.items() if holds]:
        raise MaskwrightError(f"The official MAE format cannot hold this model: it {' and '.join(wrong)}.")
    return {_official_name(name): value.detach() for name, value in model.state_dict().items()}


def from_official(state: Mapping[str, Tensor], facts: OfficialFacts | None = None) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Infer the configuration from the shapes of an official full state dict, and rename the weights to ours.

    The target is `normalized` unless `facts` says otherwise: the file does not record it. Raises MaskwrightError when there is no decoder.
    """
    facts = facts or OfficialFacts()
    check_has_decoder(state)
    try:
        config = _infer_config(state, facts)
    except KeyError as error:
        raise MaskwrightError(f"This state dict is not an official MAE model: it has no {error}.") from error
    return config, {_our_name(name): value for name, value in state.items()}


def load_official(path: Path | str, facts: OfficialFacts | None = None) -> LoadedModel:
    """Load an official full checkpoint with ImageNet's pixel scale; `mae_visualize_*` files predict raw pixels, others normalized ones."""
    facts = facts or OfficialFacts()
    guessed: Target = "raw" if "visualize" in Path(path).name else "normalized"
    known = OfficialFacts(**{**facts.__dict__, "target": facts.target or guessed})
    config, state = from_official(weights_in(read_file(path)), known)
    if config.channels != IMAGENET.channels:
        raise MaskwrightError(f"{path} takes {config.channels} channels; its pixel scale is unknown. Use from_official and your own scale.")
    model = MaskedAutoencoder(config)
    load_strictly(model, state, path)
    return LoadedModel(model.eval(), IMAGENET, {}, {"target_from": "given" if facts.target else "file name"})


def check_has_decoder(state: Mapping[str, Any]) -> None:
    """Raise the sentence for encoder-only files, which can give features but no reconstruction."""
    if "decoder_pred.weight" in state:
        return
    if "patch_embed.proj.weight" not in state:
        raise MaskwrightError(f"This is not an official MAE state dict; it begins with {', '.join(list(state)[:3]) or 'nothing'}.")
    raise MaskwrightError(
        f"This checkpoint has an encoder only ({len(state)} tensors, no decoder_*): reconstruct needs both halves; features and "
        "evaluation work. Use mae_visualize_vit_*.pth (raw pixels) or mae_pretrain_vit_*_full.pth (normalized pixels)."
    )


def _infer_config(state: Mapping[str, Tensor], facts: OfficialFacts) -> ModelConfig:
    width, channels, patch_size, _ = state["patch_embed.proj.weight"].shape
    decoder_width = state["mask_token"].shape[-1]
    return ModelConfig(
        image_size=facts.image_size or _square(state["pos_embed"].shape[1] - 1, patch_size),
        patch_size=patch_size,
        channels=channels,
        width=width,
        depth=_depth(state, "blocks."),
        heads=facts.heads or _heads(width),
        mlp_ratio=state["blocks.0.mlp.fc1.weight"].shape[0] / width,
        decoder_width=decoder_width,
        decoder_depth=_depth(state, "decoder_blocks."),
        decoder_heads=facts.decoder_heads or _DECODER_HEADS,
        target=facts.target or "normalized",
    )


def _square(num_patches: int, patch_size: int) -> tuple[int, int]:
    side = math.isqrt(num_patches)
    if side * side != num_patches:
        raise MaskwrightError(f"{num_patches} patches are not a square; give image_size=(height, width).")
    return side * patch_size, side * patch_size


def _depth(state: Mapping[str, Tensor], prefix: str) -> int:
    return 1 + max(int(name.removeprefix(prefix).split(".")[0]) for name in state if name.startswith(prefix))


def _heads(width: int) -> int:
    if width not in _HEADS_OF_WIDTH:
        raise MaskwrightError(f"The file does not say how many heads a width of {width} has; give heads=...")
    return _HEADS_OF_WIDTH[width]


def _official_name(name: str) -> str:
    half, _, rest = name.partition(".")
    return rest if half == "encoder" or rest == "mask_token" else f"decoder_{rest}"


def _our_name(name: str) -> str:
    if name == "mask_token" or name.startswith("decoder_"):
        return f"decoder.{name.removeprefix('decoder_')}"
    return f"encoder.{name}"
