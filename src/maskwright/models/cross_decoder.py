"""The cross-attention decoder: hidden patches look at visible ones and never at each other.

Source: CrossMAE, Fu et al. 2024. Any subset of the hidden patches can be predicted, at the cost of
that subset and with the same values.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskwright.models.config import ModelConfig
from maskwright.models.layers import CrossBlock, build_norm
from maskwright.models.linear import build_linear
from maskwright.models.positional import Rotation, build_rotary, build_table, place_rows
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask


class CrossDecoder(nn.Module):
    """Turns latent tokens into predicted patches with one query per predicted patch."""

    def __init__(self, config: ModelConfig, grid: Grid) -> None:
        super().__init__()
        width = config.decoder_width
        self.num_prefix = config.num_prefix
        self.embed = build_linear(config.width, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        # queries are patches alone, so the table has no prefix rows
        self.pos_embed = build_table(config.positions, grid, width, 0)
        self.rotary = build_rotary(config.positions, grid, width, config.decoder_heads)
        blocks = [
            CrossBlock(width, config.decoder_heads, config.mlp_ratio, config.norm_eps)
            for _ in range(config.decoder_depth)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.norm = build_norm(width, config.norm_eps) if config.decoder_norm else nn.Identity()
        self.pred = build_linear(width, config.num_target_values)

    def forward(self, latent_BTD: Tensor, mask: PatchMask, visible: bool = False) -> Tensor:
        """Predict the patches at `mask.predicted_ids`, (B, K, T).

        latent_BTD: (B, num_prefix + V, width) tokens of the encoder.
        visible: predict those at `mask.visible_ids` too, after the others: (B, K + V, T), at the
            cost of as many more queries.
        """
        memory = self.embed(latent_BTD)  # at the decoder's width
        ids = mask.predicted_ids
        if visible:
            ids = torch.cat([ids, mask.visible_ids], dim=1)
        queries = self._queries(ids)  # (B, K, D)
        rotations = self._rotations(ids, mask.visible_ids)
        for block in self.blocks:
            queries = block(queries, memory, rotations)
        return self.pred(self.norm(queries))

    def fill_in(self, latent_BTD: Tensor, keep_BN: Tensor) -> Tensor:
        """Predict every patch, (B, N, T), when queries look at patches as far as they are kept.

        latent_BTD: (B, num_prefix + N, width), all patches in order.
        keep_BN: in [0, 1], 0 = out of sight.
        """
        memory = self.embed(latent_BTD)
        count = keep_BN.shape[1]
        # prefix tokens are always in sight, and every query sees the same: (B, N, num_prefix + N)
        gates = torch.nn.functional.pad(keep_BN, (self.num_prefix, 0), value=1.0)
        gates_BNT = gates[:, None].expand(-1, count, -1)
        ids = torch.arange(count, device=keep_BN.device)[None]
        queries = self._queries(ids).expand(len(memory), -1, -1)
        rotations = None
        if self.rotary is not None:
            rotations = (self.rotary(None, 0), self.rotary(None, self.num_prefix))
        for block in self.blocks:
            queries = block(queries, memory, rotations, gates_BNT)
        return self.pred(self.norm(queries))

    def _queries(self, ids_BK: Tensor) -> Tensor:
        """A mask token per patch, with its position: (B, K, D)."""
        if self.pos_embed is None:
            return self.mask_token.expand(*ids_BK.shape, -1)
        return self.mask_token + place_rows(self.pos_embed, ids_BK, 0)

    def _rotations(
        self, ids_BK: Tensor, visible_ids_BV: Tensor
    ) -> tuple[Rotation, Rotation] | None:
        """The rotations of queries and memory, or None for other kinds of positions."""
        if self.rotary is None:
            return None
        return self.rotary(ids_BK, 0), self.rotary(visible_ids_BV, self.num_prefix)
