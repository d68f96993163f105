"""Foreign weights in the words of the official MAE: the meeting point of all formats.

Every format is translated to official names (timm's for the encoder, `decoder_` before the
decoder's), pixels in (row, column, channel) order, a bias for every linear map and a row of the
position table for every prefix token; from there one function reads off the sizes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale
from maskwright.weights.hints import Hints

Kind = Literal[
    "maskwright",
    "official_full",
    "official_encoder",
    "official_finetuned",
    "hf_vitmae",
    "hf_vit",
    "icarus",
    "lightly",
    "pixio",
    "ijepa",
    "dinov3",
    "clip",
    "siglip",
    "torchvision",
    "unknown",
]
_STEM = "patch_embed.proj.weight"
_STEM_BIAS = "patch_embed.proj.bias"
_TABLE = "pos_embed"


@dataclass(frozen=True)
class Translated:
    """A foreign state dict under official names.

    kind: the format it comes from.
    state: the weights.
    hints: what the file says beside them.
    scale: of the pixels, where the file says it.
    notes: sentences for people on what was left out or assumed.
    license: that of the family's weights; empty when nothing is known.
    """

    kind: Kind
    state: dict[str, Tensor]
    hints: Hints = Hints()
    scale: PixelScale | None = None
    notes: tuple[str, ...] = ()
    license: str = ""

    @property
    def has_decoder(self) -> bool:
        """Whether it can reconstruct."""
        return "decoder_pred.weight" in self.state


def complete(
    state: Mapping[str, Tensor], stored_size: tuple[int, int] | None = None
) -> dict[str, Tensor]:
    """Add zeros that some formats leave out: biases of qkv and of the stem, and positions of prefix
    tokens.

    stored_size: (height, width) of the images that the position table is for.
    """
    full = dict(state)
    for name, weight in state.items():
        if name.endswith("attn.qkv.weight") and name.replace("weight", "bias") not in state:
            full[name.replace("weight", "bias")] = weight.new_zeros(weight.shape[0])
    if _STEM in state:
        # CLIP's stem has none.
        full.setdefault(_STEM_BIAS, state[_STEM].new_zeros(state[_STEM].shape[0]))
    if _TABLE in state:
        full[_TABLE] = _with_prefix_rows(state[_TABLE], state, stored_size)
    return full


def _with_prefix_rows(
    table: Tensor, state: Mapping[str, Tensor], stored_size: tuple[int, int] | None
) -> Tensor:
    """A (1, prefix + N, D) table with a row for class token, registers and each patch."""
    registers = state["reg_token"].shape[1] if "reg_token" in state else 0
    has_class = state["cls_token"].shape[1] if "cls_token" in state else 0
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
