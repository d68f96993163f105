"""The full decoder: every position attends to every other, hidden ones start from a shared mask
token (He et al. 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskwright.models.config import ModelConfig
from maskwright.models.layers import Block, build_norm
from maskwright.models.linear import build_linear
from maskwright.models.positional import Rotation, build_rotary, build_table, place_rows
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, take


class Decoder(nn.Module):
    """Turns latent tokens into predicted patches; `decoder_` before a parameter's name gives its
    official name.
    """

    def __init__(self, config: ModelConfig, grid: Grid) -> None:
        super().__init__()
        width = config.decoder_width
        self.num_prefix = config.num_prefix
        self.embed = build_linear(config.width, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = build_table(config.positions, grid, width, config.num_prefix)
        self.rotary = build_rotary(config.positions, grid, width, config.decoder_heads)
        self.blocks = nn.ModuleList(
            [
                Block(width, config.decoder_heads, config.mlp_ratio, config.norm_eps)
                for _ in range(config.decoder_depth)
            ]
        )
        self.norm = build_norm(width, config.norm_eps) if config.decoder_norm else nn.Identity()
        self.pred = build_linear(width, config.patch_size**2 * config.channels)

    def forward(self, latent_BTD: Tensor, mask: PatchMask, visible: bool = False) -> Tensor:
        """Predict the patches at `mask.predicted_ids`: (B, num_prefix + V, width) latent tokens
        give (B, K, P) values.

        visible: predict those at `mask.visible_ids` too, after the others: (B, K + V, P). Tokens
            stand as prefix, visible, masked: attention does not care about order once every token
            knows its place.
        """
        tokens = torch.cat(
            [self._seen(latent_BTD, mask.visible_ids), self._hidden(mask.masked_ids)], dim=1
        )
        rotation = self._rotation(mask)
        for block in self.blocks:
            tokens = block(tokens, rotation)
        hidden = tokens[:, -mask.num_masked :]
        if mask.predicted_ids.shape[1] < mask.num_masked:
            hidden = take(
                hidden,
                torch.searchsorted(mask.masked_ids.contiguous(), mask.predicted_ids.contiguous()),
            )
        if visible:
            hidden = torch.cat([hidden, tokens[:, self.num_prefix : -mask.num_masked]], dim=1)
        return self.pred(self.norm(hidden))

    def fill_in(self, latent_BTD: Tensor, keep_BN: Tensor) -> Tensor:
        """Predict every patch, (B, N, P), when the patches are kept in part: a token is keep *
        embedded + (1 - keep) * mask token.

        latent: (B, num_prefix + N, width), all patches in order; keep in [0, 1]. What is mixed has
            the decoder's own width.
        """
        prefix, embedded = self.embed(latent_BTD).tensor_split([self.num_prefix], dim=1)
        keep = keep_BN[:, :, None].to(embedded.dtype)
        tokens = torch.cat([prefix, keep * embedded + (1 - keep) * self.mask_token], dim=1)
        if self.pos_embed is not None:
            tokens = tokens + self.pos_embed
        rotation = None if self.rotary is None else self.rotary(None, self.num_prefix)
        for block in self.blocks:
            tokens = block(tokens, rotation)
        return self.pred(self.norm(tokens[:, self.num_prefix :]))

    def _seen(self, latent_BTD: Tensor, visible_ids_BV: Tensor) -> Tensor:
        """Prefix and visible tokens at the decoder's width, with the decoder's positions."""
        tokens = self.embed(latent_BTD)
        if self.pos_embed is None:
            return tokens
        prefix = self.pos_embed[:, : self.num_prefix].expand(tokens.shape[0], -1, -1)
        return tokens + torch.cat(
            [prefix, place_rows(self.pos_embed, visible_ids_BV, self.num_prefix)], dim=1
        )

    def _hidden(self, masked_ids_BM: Tensor) -> Tensor:
        """A mask token per hidden patch, with its position."""
        if self.pos_embed is None:
            return self.mask_token.expand(*masked_ids_BM.shape, -1)
        return self.mask_token + place_rows(self.pos_embed, masked_ids_BM, self.num_prefix)

    def _rotation(self, mask: PatchMask) -> Rotation | None:
        if self.rotary is None:
            return None
        return self.rotary(torch.cat([mask.visible_ids, mask.masked_ids], dim=1), self.num_prefix)
