"""The full decoder (He et al. 2022): all tokens attend to all, hidden ones begin as mask tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskwright.models.config import ModelConfig
from maskwright.models.layers import Block, build_norm
from maskwright.models.linear import build_linear
from maskwright.models.positional import Relation, build_relation, build_table, place_rows
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, take


class Decoder(nn.Module):
    """Turns latent tokens into predicted patches.

    `decoder_` before a parameter's name gives its official name.
    """

    def __init__(self, config: ModelConfig, grid: Grid) -> None:
        super().__init__()
        width = config.decoder_width
        self.num_prefix = config.num_prefix
        self.embed = build_linear(config.width, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = build_table(config.positions, grid, width, config.num_prefix)
        self.relation = build_relation(config.positions, grid, width, config.decoder_heads)
        blocks = [
            Block(width, config.decoder_heads, config.mlp_ratio, config.norm_eps)
            for _ in range(config.decoder_depth)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.norm = build_norm(width, config.norm_eps) if config.decoder_norm else nn.Identity()
        # from tokens to the values of the target
        self.pred = build_linear(width, config.num_target_values)

    def forward(self, latent_BTD: Tensor, mask: PatchMask, visible: bool = False) -> Tensor:
        """Predict the patches at `mask.predicted_ids`, (B, K, T).

        latent_BTD: (B, num_prefix + V, width) tokens of the encoder.
        visible: predict those at `mask.visible_ids` too, after the others: (B, K + V, T).
        """
        # prefix, visible, masked: attention does not care about order once positions are added
        seen = self._seen(latent_BTD, mask.visible_ids)
        hidden = self._hidden(mask.masked_ids)
        tokens = torch.cat([seen, hidden], dim=1)  # (B, num_prefix + N, D)
        relation = self._relation(mask)
        for block in self.blocks:
            tokens = block(tokens, relation)

        first = tokens.shape[1] - mask.num_masked  # of the masked ones, which may be none
        predicted = tokens[:, first:]  # (B, M, D)
        if mask.predicted_ids.shape[1] < mask.num_masked:
            # where each predicted id stands among the masked ones, both ascending
            masked_ids = mask.masked_ids.contiguous()
            index = torch.searchsorted(masked_ids, mask.predicted_ids.contiguous())
            predicted = take(predicted, index)  # (B, K, D)
        if visible:
            again = tokens[:, self.num_prefix : first]  # (B, V, D)
            predicted = torch.cat([predicted, again], dim=1)
        return self.pred(self.norm(predicted))

    def fill_in(self, latent_BTD: Tensor, keep_BN: Tensor) -> Tensor:
        """Predict every patch, (B, N, T), when the patches are kept in part.

        A token is keep * embedded + (1 - keep) * mask token, at the decoder's own width.

        latent_BTD: (B, num_prefix + N, width), all patches in order.
        keep_BN: in [0, 1].
        """
        prefix, embedded = self.embed(latent_BTD).tensor_split([self.num_prefix], dim=1)
        keep = keep_BN[:, :, None].to(embedded.dtype)  # (B, N, 1)
        mixed = keep * embedded + (1 - keep) * self.mask_token
        tokens = torch.cat([prefix, mixed], dim=1)
        if self.pos_embed is not None:
            tokens = tokens + self.pos_embed
        relation = None if self.relation is None else self.relation(None, self.num_prefix)
        for block in self.blocks:
            tokens = block(tokens, relation)
        return self.pred(self.norm(tokens[:, self.num_prefix :]))

    def _seen(self, latent_BTD: Tensor, visible_ids_BV: Tensor) -> Tensor:
        """Prefix and visible tokens at the decoder's width, with the decoder's positions."""
        tokens = self.embed(latent_BTD)
        if self.pos_embed is None:
            return tokens
        # the same prefix rows for every image, patch rows by the image's own ids
        prefix = self.pos_embed[:, : self.num_prefix].expand(tokens.shape[0], -1, -1)
        patches = place_rows(self.pos_embed, visible_ids_BV, self.num_prefix)
        return tokens + torch.cat([prefix, patches], dim=1)

    def _hidden(self, masked_ids_BM: Tensor) -> Tensor:
        """A mask token per hidden patch, with its position."""
        if self.pos_embed is None:
            return self.mask_token.expand(*masked_ids_BM.shape, -1)
        return self.mask_token + place_rows(self.pos_embed, masked_ids_BM, self.num_prefix)

    def _relation(self, mask: PatchMask) -> Relation | None:
        """What is known of the places of all tokens, in the order in which they stand."""
        if self.relation is None:
            return None
        ids = torch.cat([mask.visible_ids, mask.masked_ids], dim=1)  # (B, N)
        return self.relation(ids, self.num_prefix)
