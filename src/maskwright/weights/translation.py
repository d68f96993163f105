"""Foreign weights in the words of the official MAE: the meeting point of all formats.

Every format is translated to official names (timm's for the encoder, `decoder_` before the
decoder's), pixels in (row, column, channel) order, a bias for every linear map and a row of the
position table for every prefix token; from there one function reads off the sizes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from maskwright.models.config import ModelConfig
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale
from maskwright.patches.positions import sincos_positions
from maskwright.support.errors import MaskwrightError
from maskwright.weights.hints import HintMissing, Hints

Kind = Literal[
    "maskwright",
    "official_full",
    "official_encoder",
    "official_finetuned",
    "hf_vitmae",
    "hf_vit",
    "icarus",
    "lightly",
    "torchvision",
    "unknown",
]
_HEADS_OF_WIDTH = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16, 1408: 16, 1536: 24}
_OFFICIAL_DECODER_HEADS = 16
_STEM, _TABLE = "patch_embed.proj.weight", "pos_embed"


@dataclass(frozen=True)
class Translated:
    """A foreign state dict under official names, with what its file tells beside the weights and
    sentences for people.
    """

    kind: Kind
    state: dict[str, Tensor]
    hints: Hints = Hints()
    scale: PixelScale | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_decoder(self) -> bool:
        return "decoder_pred.weight" in self.state


def complete(
    state: Mapping[str, Tensor], stored_size: tuple[int, int] | None = None
) -> dict[str, Tensor]:
    """Add what some formats leave out because it is zero: biases of queries, keys and values, and
    positions of prefix tokens.
    """
    full = dict(state)
    for name, weight in state.items():
        if name.endswith("attn.qkv.weight") and name.replace("weight", "bias") not in state:
            full[name.replace("weight", "bias")] = weight.new_zeros(weight.shape[0])
    if _TABLE in state:
        full[_TABLE] = _with_prefix_rows(state[_TABLE], state, stored_size)
    return full


def _with_prefix_rows(
    table: Tensor, state: Mapping[str, Tensor], stored_size: tuple[int, int] | None
) -> Tensor:
    """A table for class token, registers and patches: DINOv2 has no rows for registers, timm's
    `no_embed_class` none for any prefix.
    """
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    has_class = int("cls_token" in state)
    patch = state[_STEM].shape[-1]
    count = None if stored_size is None else Grid.of_image(*stored_size, patch).num_patches
    for rows, missing in (
        (has_class + registers, 0),
        (has_class, registers),
        (0, has_class + registers),
    ):
        places = table.shape[1] - rows
        if places == count or (count is None and math.isqrt(max(places, 0)) ** 2 == places):
            return torch.cat(
                [table[:, :rows], table.new_zeros(1, missing, table.shape[2]), table[:, rows:]],
                dim=1,
            )
    return table


def infer_config(state: Mapping[str, Tensor], hints: Hints | None = None) -> ModelConfig:
    """Read the sizes of a model off a completed official state dict; the decoder's entries mean
    nothing when it has none.

    The target is `normalized` unless the hints say otherwise. Raises MaskwrightError for what
    shapes do not tell: heads, a grid that is no square.
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
    width, channels, patch_size, _ = state[_STEM].shape
    _refuse_gated(state)
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    class_token = "cls_token" in state
    size = hints.stored_size or _square(state, patch_size, class_token + registers)
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
        class_token=class_token,
        registers=registers,
        norm_eps=hints.norm_eps or 1e-6,
        layer_scale=1e-5 if has_scale else None,
        final_norm="norm.weight" in state,
    )


def _refuse_gated(state: Mapping[str, Tensor]) -> None:
    """Refuse layers whose first map is two, as in the largest DINOv2: under other names, or as one
    of twice the height.
    """
    first, second = (state.get(f"blocks.0.mlp.{name}.weight") for name in ("fc1", "fc2"))
    has_others = first is None and any(name.startswith("blocks.0.mlp.") for name in state)
    if has_others or (
        first is not None and second is not None and first.shape[0] != second.shape[1]
    ):
        raise MaskwrightError(
            "It is not supported: its layers are gated (SwiGLU), which a model here has no place"
            " for."
        )


def _add_decoder(encoder: ModelConfig, state: Mapping[str, Tensor], hints: Hints) -> ModelConfig:
    width, hidden = state["mask_token"].shape[-1], state["decoder_blocks.0.mlp.fc1.weight"].shape[0]
    if int(width * encoder.mlp_ratio) != hidden:
        raise MaskwrightError(
            f"The decoder's hidden layers are {hidden / width:g} times as wide as its tokens and"
            f" the encoder's {encoder.mlp_ratio:g} times; a model here has one ratio for both."
        )
    rows, wanted = state["decoder_pred.weight"].shape[0], encoder.patch_size**2 * encoder.channels
    if rows != wanted:
        raise MaskwrightError(
            f"The decoder predicts {rows} values per patch, not the {wanted} pixel values of one:"
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
    return 1 + max(
        (int(name.removeprefix(prefix).split(".")[0]) for name in state if name.startswith(prefix)),
        default=-1,
    )


def _square(state: Mapping[str, Tensor], patch_size: int, num_prefix: int) -> tuple[int, int]:
    if _TABLE not in state:
        raise HintMissing(
            "These weights have no positions, so they do not tell the image size; add"
            " @stored_size=SIDE,positions=none to the name if their model adds none (rotary ones,"
            " as in DINOv3, are not supported)."
        )
    count = state[_TABLE].shape[1] - num_prefix
    side = math.isqrt(max(count, 0))
    if side * side != count:
        raise HintMissing(
            f"{count} patches are not a square; add @stored_size=HEIGHTxWIDTH to the name."
        )
    return side * patch_size, side * patch_size


def _positions(state: Mapping[str, Tensor], grid: Grid) -> str:
    """Files with a decoder come from masked autoencoders, whose table is fixed; an encoder's table
    is compared with the formula.
    """
    if _TABLE not in state:
        # with rotary positions, which leave nothing in a file, the numbers would be silently wrong;
        # so the user says that there are none
        raise HintMissing(
            "These weights have no positions: add @positions=none to the name if their model adds"
            " none (rotary ones, as in DINOv3, are not supported)."
        )
    if "decoder_pred.weight" in state:
        return "sincos"
    table = state[_TABLE]
    width = table.shape[2]
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
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else math.nextafter(ratio, math.inf)
