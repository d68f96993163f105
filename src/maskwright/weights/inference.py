"""The configuration of a model, read off the shapes of its completed official state dict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from maskwright.models.config import ModelConfig
from maskwright.patches.grid import Grid
from maskwright.patches.positions import sincos_positions
from maskwright.support.errors import MaskwrightError
from maskwright.weights.hints import HintMissing, Hints

# Heads of the published sizes, from tiny to giant; they leave no trace in the shapes.
_HEADS_OF_WIDTH = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16, 1408: 16, 1536: 24}
_OFFICIAL_DECODER_HEADS = 16
_STEM = "patch_embed.proj.weight"
_TABLE = "pos_embed"


def infer_config(state: Mapping[str, Tensor], hints: Hints | None = None) -> ModelConfig:
    """Read the sizes of a model off a completed official state dict.

    The decoder's entries mean nothing when it has none. The target is `normalized` unless the hints
    say otherwise. Raises MaskwrightError for what shapes do not show: heads, a grid that is no
    square.
    """
    hints = hints or Hints()
    try:
        encoder = _infer_encoder(state, hints)
        if "decoder_pred.weight" not in state:
            return encoder
        return _add_decoder(encoder, state, hints)
    except KeyError as error:
        raise MaskwrightError(
            "These weights are not those of a masked autoencoder or vision transformer: there is"
            f" no {error}."
        ) from error


def _infer_encoder(state: Mapping[str, Tensor], hints: Hints) -> ModelConfig:
    # The stem is a convolution: (D, C, p, p)
    width, channels, patch_size, _ = state[_STEM].shape
    _refuse_gated(state)
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    classes = state["cls_token"].shape[1] if "cls_token" in state else 0
    size = hints.stored_size or _square(state, hints, patch_size, classes + registers)
    first_norm = "norm_pre.weight" in state
    has_scale = "blocks.0.ls1.gamma" in state
    heads = hints.heads or _heads(width)
    return ModelConfig(
        image_size=size,
        patch_size=patch_size,
        channels=channels,
        width=width,
        depth=depth_of(state, "blocks."),
        heads=heads,
        mlp_ratio=_mlp_ratio(width, state["blocks.0.mlp.fc1.weight"].shape[0]),
        positions=hints.positions or _positions(state, Grid.of_image(*size, patch_size)),
        class_token=classes > 0,
        class_tokens=max(1, classes),
        registers=registers,
        # That of MAE and timm; CLIP has the one of torch.
        norm_eps=hints.norm_eps or (1e-5 if first_norm else 1e-6),
        # Where scales start when they are drawn; those of the file replace them.
        layer_scale=1e-5 if has_scale else None,
        final_norm="norm.weight" in state,
        first_norm=first_norm,
        activation=hints.activation or _default_activation(first_norm),
    )


def _refuse_gated(state: Mapping[str, Tensor]) -> None:
    """Refuse gated layers, whose first map is two, as in the largest DINOv2."""
    first = state.get("blocks.0.mlp.fc1.weight")
    second = state.get("blocks.0.mlp.fc2.weight")
    # The two maps have names of their own, or stand in one tensor of twice the height.
    has_others = first is None and any(name.startswith("blocks.0.mlp.") for name in state)
    is_double = first is not None and second is not None and first.shape[0] != second.shape[1]
    if has_others or is_double:
        raise MaskwrightError(
            "It is not supported: its layers are gated (SwiGLU), which a model here has no place"
            " for."
        )


def _add_decoder(encoder: ModelConfig, state: Mapping[str, Tensor], hints: Hints) -> ModelConfig:
    width = state["mask_token"].shape[-1]
    hidden = state["decoder_blocks.0.mlp.fc1.weight"].shape[0]
    if int(width * encoder.mlp_ratio) != hidden:
        raise MaskwrightError(
            f"The decoder's hidden layers are {hidden / width:g} times as wide as its tokens and"
            f" the encoder's {encoder.mlp_ratio:g} times; a model here has one ratio for both."
        )
    # (P, D), where P is the number of pixel values of a patch.
    rows = state["decoder_pred.weight"].shape[0]
    expected = encoder.patch_size**2 * encoder.channels
    if rows != expected:
        raise MaskwrightError(
            f"The decoder predicts {rows} values per patch, not the {expected} pixel values of one:"
            " it is no pixel decoder."
        )
    return replace(
        encoder,
        decoder_width=width,
        decoder_depth=depth_of(state, "decoder_blocks."),
        decoder_heads=hints.decoder_heads or _OFFICIAL_DECODER_HEADS,
        target=hints.target or "normalized",
        decoder_norm="decoder_norm.weight" in state,
    )


def depth_of(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many blocks there are under a prefix."""
    suffixes = [name.removeprefix(prefix) for name in state if name.startswith(prefix)]
    # Blocks are numbered from zero.
    return 1 + max((int(suffix.split(".")[0]) for suffix in suffixes), default=-1)


def _default_activation(first_norm: bool) -> str:
    """The exact GELU, which all have but some models trained with texts."""
    # A first norm shows CLIP. Its own weights have another activation than most later ones, and
    # the wrong one gives plausible features that are wrong.
    if first_norm:
        raise HintMissing(
            "The file does not say which activation it has, and models with a norm before the first"
            " block (CLIP) have one of two: add @activation=quick_gelu for OpenAI's weights, or"
            " @activation=gelu for most others."
        )
    return "gelu"


def _square(
    state: Mapping[str, Tensor], hints: Hints, patch_size: int, num_prefix: int
) -> tuple[int, int]:
    """The size of the images that a table is for, where the grid is a square."""
    if _TABLE not in state and hints.positions is not None:
        raise HintMissing(
            "These weights have no table of positions, so they do not tell the image size; add"
            " @stored_size=SIDE to the name."
        )
    if _TABLE not in state:
        raise HintMissing(
            "These weights have no positions, so they do not tell the image size; add"
            " @stored_size=SIDE,positions=none to the name if their model adds none, or"
            " positions=rotary_image if they turn by the picture's sides, as in DINOv3."
        )
    count = state[_TABLE].shape[1] - num_prefix
    side = math.isqrt(max(count, 0))
    if side * side != count:
        raise HintMissing(
            f"{count} patches are not a square; add @stored_size=HEIGHTxWIDTH to the name."
        )
    return side * patch_size, side * patch_size


def _positions(state: Mapping[str, Tensor], grid: Grid) -> str:
    """Whether a table is learned or from the formula."""
    if _TABLE not in state:
        # With rotary positions, which leave nothing in a file, the numbers would be silently wrong;
        # so the user says that there are none.
        raise HintMissing(
            "These weights have no positions: add @positions=none to the name if their model adds"
            " none, or positions=rotary_image if they turn by the picture's sides, as in DINOv3."
        )
    # Files with a decoder come from masked autoencoders, whose table is fixed.
    if "decoder_pred.weight" in state:
        return "sincos"
    table = state[_TABLE]
    width = table.shape[2]
    # The formula has a sine and a cosine for each of two axes.
    if width % 4:
        return "learned"
    fixed = sincos_positions(grid, width, table.shape[1] - grid.num_patches)
    return "sincos" if torch.allclose(table.float(), fixed, rtol=0, atol=1e-4) else "learned"


def _heads(width: int) -> int:
    if width not in _HEADS_OF_WIDTH:
        raise HintMissing(
            f"The file does not say how many heads a width of {width} has; add @heads=... to its"
            " name."
        )
    return _HEADS_OF_WIDTH[width]


def _mlp_ratio(width: int, hidden: int) -> float:
    """A ratio that gives `hidden` again when multiplied and cut to an integer."""
    # Rounding may leave the product just below the integer; the next float above repairs it.
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else math.nextafter(ratio, math.inf)
