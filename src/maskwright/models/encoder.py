"""The encoder: visible patches in, latent tokens out, under the names of timm and official MAE."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.models.config import ModelConfig
from maskwright.models.layers import Block, build_norm
from maskwright.models.positional import Rotation, build_rotary, build_table, place_rows
from maskwright.patches.grid import Grid
from maskwright.patches.mask import take


class PatchEmbed(nn.Module):
    """The patch embedding: a linear map, applied to patches that are already cut out.

    It is stored as a convolution, so that files fit timm.
    """

    def __init__(self, channels: int, patch_size: int, width: int) -> None:
        super().__init__()
        self.proj = nn.utils.skip_init(
            nn.Conv2d, channels, width, kernel_size=patch_size, stride=patch_size
        )

    def forward(self, patches_BNP: Tensor) -> Tensor:
        """Map (B, N, P) patches in (row, column, channel) order to (B, N, width) tokens."""
        # (width, C, p, p) -> (width, p, p, C) -> (width, P), in the order of `patchify`
        weight = self.proj.weight.permute(0, 2, 3, 1).flatten(1)
        return F.linear(patches_BNP, weight, self.proj.bias)


class Encoder(nn.Module):
    """A vision transformer that computes on visible patches alone (He et al. 2022)."""

    def __init__(self, config: ModelConfig, grid: Grid) -> None:
        super().__init__()
        width = config.width
        self.num_prefix = config.num_prefix
        self.patch_embed = PatchEmbed(config.channels, config.patch_size, width)
        self.num_class = config.num_class
        # None where there is none, so that a state dict has no empty entries
        classes = torch.zeros(1, config.num_class, width)
        self.cls_token = nn.Parameter(classes) if config.class_token else None
        registers = torch.zeros(1, config.registers, width)
        self.reg_token = nn.Parameter(registers) if config.registers else None
        self.pos_embed = build_table(config.positions, grid, width, config.num_prefix)
        self.rotary = build_rotary(config.positions, grid, width, config.heads)
        # timm's name; most encoders have no norm here
        self.norm_pre = build_norm(width, config.norm_eps) if config.first_norm else nn.Identity()
        self.blocks = nn.ModuleList(_build_block(config) for _ in range(config.depth))
        self.norm = build_norm(width, config.norm_eps) if config.final_norm else nn.Identity()

    def forward(
        self,
        patches_BNP: Tensor,
        visible_ids_BV: Tensor | None = None,
        weights_BV: Tensor | None = None,
        gates_BTT: Tensor | None = None,
    ) -> Tensor:
        """Encode visible patches, or all: (B, num_prefix + V, width) after the final norm.

        patches_BNP: all patches of the images.
        visible_ids_BV: ids of those to encode; all in order when None.
        weights_BV: what each token is multiplied by once it has its position, for policies that
            learn.
        gates_BTT: how far each of the num_prefix + V tokens (rows) may look at each other one
            (columns), for numbers of visible patches that differ by image.
        """
        tokens, rotation = self.begin(patches_BNP, visible_ids_BV, weights_BV)
        for block in self.blocks:
            tokens = block(tokens, rotation, gates_BTT)
        return self.norm(tokens)

    def begin(
        self,
        patches_BNP: Tensor,
        visible_ids_BV: Tensor | None = None,
        weights_BV: Tensor | None = None,
    ) -> tuple[Tensor, Rotation | None]:
        """The tokens (B, num_prefix + V, D) of the first block, and the rotation of all blocks."""
        # picked before the embedding, so hidden pixels are never touched and cost nothing
        visible = patches_BNP if visible_ids_BV is None else take(patches_BNP, visible_ids_BV)
        embedded = self._with_prefix(self.patch_embed(visible), visible_ids_BV, weights_BV)
        tokens = self.norm_pre(embedded)
        if self.rotary is None:
            return tokens, None
        return tokens, self.rotary(visible_ids_BV, self.num_prefix)

    def _with_prefix(
        self, tokens_BVD: Tensor, visible_ids_BV: Tensor | None, weights_BV: Tensor | None
    ) -> Tensor:
        """Add positions, weigh, and put the class and register tokens in front."""
        if self.pos_embed is not None:
            tokens_BVD = tokens_BVD + place_rows(self.pos_embed, visible_ids_BV, self.num_prefix)
        if weights_BV is not None:
            tokens_BVD = tokens_BVD * weights_BV[:, :, None]
        prefix_tokens: list[Tensor] = [
            token for token in (self.cls_token, self.reg_token) if token is not None
        ]
        if not prefix_tokens:
            return tokens_BVD
        # class tokens first, then registers: (1, num_prefix, D)
        prefix = torch.cat(prefix_tokens, dim=1)
        if self.pos_embed is not None:
            prefix = prefix + self.pos_embed[:, : self.num_prefix]
        return torch.cat([prefix.expand(tokens_BVD.shape[0], -1, -1), tokens_BVD], dim=1)


def class_feature(tokens_BTD: Tensor, config: ModelConfig) -> Tensor | None:
    """(B, D): the mean of the class tokens, which is the token itself where there is one.

    tokens_BTD: (B, num_prefix + any, D). Returns None for an encoder without a class token.
    """
    if config.num_class == 0:
        return None
    return tokens_BTD[:, : config.num_class].mean(1)


def _build_block(config: ModelConfig) -> Block:
    """One of the encoder's blocks."""
    return Block(
        config.width,
        config.heads,
        config.mlp_ratio,
        config.norm_eps,
        config.layer_scale,
        config.activation,
    )
