"""Attention rollout: how much of each patch reaches an encoder's answer through all layers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from maskwright.evaluation.division import divide_or_nan
from maskwright.models.attention_map import attention_by_layer
from maskwright.models.encoder import Encoder
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError

Heads = Literal["mean", "max"]


@dataclass(frozen=True)
class RolloutMaps:
    """One map per image.

    values: (B, N), each row summing to 1 over the patches that are seen and 0 elsewhere.
    is_seen: (B, N) booleans.
    own_evenness: (B, N), how evenly each seen patch itself gathers from all seen ones: the entropy
        of its row as a share of the largest.
    grid: the patches of a picture.
    """

    values: Tensor
    is_seen: Tensor
    own_evenness: Tensor
    grid: Grid

    def entropy(self) -> Tensor:
        """(B,) entropies in nats: log of the seen patches for an even map, 0 for one patch."""
        # xlogy is 0 at 0, where a logarithm alone would be infinite.
        terms = torch.special.xlogy(self.values, self.values)
        return -terms.sum(1)

    def evenness(self) -> Tensor:
        """(B,) entropies as a share of the largest possible; 1 is an even map."""
        # A single patch has entropy 0, and log 2 keeps its evenness at 0.
        largest = self.is_seen.sum(1).clamp_min(2).log()
        return self.entropy() / largest

    def centers(self) -> Tensor:
        """(B, 2) centers of mass as shares of height and width; 0.5 is the middle."""
        ids = torch.arange(self.grid.num_patches, device=self.values.device)
        # A half more, because a patch lies where its middle is.
        rows = (ids // self.grid.cols + 0.5) / self.grid.rows
        cols = (ids % self.grid.cols + 0.5) / self.grid.cols
        centers = [self.values @ rows, self.values @ cols]
        return torch.stack(centers, dim=1)


def roll_out(attentions: Iterable[Tensor], heads: Heads = "mean") -> Tensor:
    """Multiply the attention of all layers, first to last (Abnar and Zuidema 2020).

    attentions: (B, H, T, T) of each layer.
    heads: joined by their `mean` or largest value.

    Returns (B, T, T), whose rows sum to 1.
    """
    product: Tensor | None = None
    for attention_BHTT in attentions:
        # (B, H, T, T) -> (B, T, T)
        joined = attention_BHTT.mean(1) if heads == "mean" else attention_BHTT.amax(1)
        # Half of each token passes by on the residual path; rows still sum to 1.
        mixed = joined / joined.sum(-1, keepdim=True) * 0.5
        mixed.diagonal(dim1=1, dim2=2).add_(0.5)
        product = mixed if product is None else mixed @ product
    if product is None:
        raise MaskwrightError("A rollout needs the attention of at least one layer.")
    return product


def to_patch_map(product_BTT: Tensor, num_prefix: int, num_class: int) -> Tensor:
    """(B, V) shares of the patches in what class tokens, or else the mean patch, gather."""
    # (B, T, T) -> (B, V): prefix tokens are left out, and shares sum to 1 again.
    asking = product_BTT[:, :num_class] if num_class else product_BTT[:, num_prefix:]
    paid = asking.mean(1)[:, num_prefix:]
    return paid / paid.sum(-1, keepdim=True)


def to_evenness(product_BTT: Tensor, num_prefix: int) -> Tensor:
    """(B, V) entropies of what each patch gathers from the patches, as shares of log V."""
    # (B, T, T) -> (B, V, V): from patches to patches
    rows = product_BTT[:, num_prefix:, num_prefix:]
    rows = rows / rows.sum(-1, keepdim=True)
    entropy = -torch.special.xlogy(rows, rows).sum(-1)
    largest = math.log(max(2, rows.shape[-1]))
    return entropy / largest


def measure_rollout(
    encoder: Encoder,
    patches_BNP: Tensor,
    grid: Grid,
    visible_ids: Tensor | None = None,
    heads: Heads = "mean",
) -> RolloutMaps:
    """The rollout of an encoder that sees all patches, or those named by ids (B, V) alone."""
    product = roll_out(attention_by_layer(encoder, patches_BNP, visible_ids), heads)
    shares = to_patch_map(product, encoder.num_prefix, encoder.num_class)
    evenness = to_evenness(product, encoder.num_prefix)
    if visible_ids is None:
        return RolloutMaps(shares, torch.ones_like(shares, dtype=torch.bool), evenness, grid)
    # Maps come back on the whole grid: (B, V) -> (B, N), 0 where nothing is seen.
    empty = shares.new_zeros(len(shares), grid.num_patches)
    is_seen = (empty == 1).scatter(1, visible_ids, True)
    return RolloutMaps(
        values=empty.scatter(1, visible_ids, shares),
        is_seen=is_seen,
        own_evenness=empty.scatter(1, visible_ids, evenness),
        grid=grid,
    )


def rank_agreement(first: Tensor, second: Tensor, is_seen: Tensor) -> Tensor:
    """(B,) Spearman correlations of two (B, N) maps over seen patches; NaN for flat maps.

    Raises MaskwrightError unless each row has the same number of seen patches, at least 2.
    """
    seen = is_seen.sum(1)
    fewest = int(seen.min())
    most = int(seen.max())
    if fewest != most or fewest < 2:
        raise MaskwrightError(
            "Rank agreement needs the same number of patches in each row, at least 2; got"
            f" {seen.tolist()[:8]}."
        )
    left = _centered_ranks(first, is_seen)
    right = _centered_ranks(second, is_seen)
    # Pearson's correlation of ranks; a flat map has ranks of no length.
    squares = (left**2).sum(1) * (right**2).sum(1)
    product = (left * right).sum(1)
    correlation = divide_or_nan(product, np.sqrt(squares))
    return torch.from_numpy(correlation)


def _centered_ranks(values: Tensor, is_seen: Tensor) -> np.ndarray:
    # (B, N) -> (B, seen), where equal values share their mean rank
    seen = values[is_seen].reshape(len(values), -1).double().cpu().numpy()
    ranks = stats.rankdata(seen, axis=1)
    return ranks - ranks.mean(1, keepdims=True)
