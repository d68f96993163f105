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
from maskwright.weights.vit_sizes import mlp_ratio_of, published_heads

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
_OFFICIAL_DECODER_HEADS = 16
_STEM = "patch_embed.proj.weight"
_TABLE = "pos_embed"


@dataclass(frozen=True)
class Translated:
    """A foreign state dict under official names.

    kind: the format it comes from.
    state: the weights.
    hints: what the file says beside them.
    scale: of the pixels, where the file says it.
    notes: sentences for people on what was left out or assumed.
    """

    kind: Kind
    state: dict[str, Tensor]
    hints: Hints = Hints()
    scale: PixelScale | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_decoder(self) -> bool:
        """Whether it can reconstruct."""
        return "decoder_pred.weight" in self.state


def complete(
    state: Mapping[str, Tensor], stored_size: tuple[int, int] | None = None
) -> dict[str, Tensor]:
    """Add zeros that some formats leave out: biases of qkv, and positions of prefix tokens.

    stored_size: (height, width) of the images that the position table is for.
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
    """A (1, prefix + N, D) table with a row for class token, registers and each patch."""
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    has_class = int("cls_token" in state)
    patch = state[_STEM].shape[-1]
    count = None if stored_size is None else Grid.of_image(*stored_size, patch).num_patches
    # Rows for all of the prefix; none for registers, as in DINOv2; none at all, as with timm's
    # `no_embed_class`. The first that leaves a possible number of patches is taken.
    for rows, missing in (
        (has_class + registers, 0),
        (has_class, registers),
        (0, has_class + registers),
    ):
        num_patches = table.shape[1] - rows
        is_square = math.isqrt(max(num_patches, 0)) ** 2 == num_patches
        if num_patches == count or (count is None and is_square):
            zeros = table.new_zeros(1, missing, table.shape[2])
            return torch.cat([table[:, :rows], zeros, table[:, rows:]], dim=1)
    return table


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
    class_token = "cls_token" in state
    size = hints.stored_size or _square(state, patch_size, class_token + registers)
    has_scale = "blocks.0.ls1.gamma" in state
    heads = hints.heads or published_heads(width)
    return ModelConfig(
        image_size=size,
        patch_size=patch_size,
        channels=channels,
        width=width,
        depth=depth_of(state, "blocks."),
        heads=heads,
        mlp_ratio=mlp_ratio_of(width, state["blocks.0.mlp.fc1.weight"].shape[0]),
        positions=hints.positions or _positions(state, Grid.of_image(*size, patch_size)),
        class_token=class_token,
        registers=registers,
        norm_eps=hints.norm_eps or 1e-6,
        # Where scales start when they are drawn; those of the file replace them.
        layer_scale=1e-5 if has_scale else None,
        final_norm="norm.weight" in state,
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
    """Whether a table is learned or from the formula."""
    if _TABLE not in state:
        # With rotary positions, which leave nothing in a file, the numbers would be silently wrong;
        # so the user says that there are none.
        raise HintMissing(
            "These weights have no positions: add @positions=none to the name if their model adds"
            " none (rotary ones, as in DINOv3, are not supported)."
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
