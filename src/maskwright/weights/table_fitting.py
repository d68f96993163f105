"""Positions and prefix tokens for another grid, another kind of positions, other prefix tokens."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.models.config import ModelConfig
from maskwright.patches.grid import Grid
from maskwright.patches.positions import resize_positions
from maskwright.weights.model_parts import Parts


def grid_of(config: ModelConfig) -> Grid:
    """The patches of a model's images."""
    return Grid.of_image(*config.image_size, config.patch_size)


def fit_prefix(parts: Parts, config: ModelConfig, notes: list[str]) -> dict[str, Tensor]:
    """The class token and the registers, where both models have them."""
    old = parts.config
    kept = {}
    for name, noun, had, has in (
        ("encoder.cls_token", "class token", old.num_class, config.num_class),
        ("encoder.reg_token", "register tokens", old.registers, config.registers),
    ):
        if had and has == had:
            kept[name] = parts.state[name]
        elif had and not has:
            notes.append(f"The {noun} of the weights is dropped: this model has none.")
        elif has:
            notes.append(f"This model's {noun}: new, the weights have other ones or none.")
    return kept


def fit_positions(
    parts: Parts, config: ModelConfig, half: str, notes: list[str]
) -> dict[str, Tensor]:
    """The position table of one half, `encoder` or `decoder`; empty where the model makes its own.

    Learned positions are resampled to the new grid, fixed ones are computed anew for it.
    """
    name = f"{half}.pos_embed"
    old, new = grid_of(parts.config), grid_of(config)
    moved = f"the {old.rows}x{old.cols} grid to {new.rows}x{new.cols}"
    is_other_grid = (old.rows, old.cols) != (new.rows, new.cols)
    if config.positions != "learned":
        if parts.config.positions == "learned" and name in parts.state:
            notes.append(f"Learned positions of the {half} are dropped: this model's are fixed.")
        elif parts.config.positions != config.positions:
            notes.append(
                f"Positions of the {half} are {config.positions}; the weights were trained with"
                f" {parts.config.positions}."
            )
        elif is_other_grid and half == "encoder":
            notes.append(f"Fixed positions are computed anew, from {moved}.")
        return {}
    if name not in parts.state:
        notes.append(f"Learned positions of the {half} start fresh: the weights have none.")
        return {}
    if is_other_grid:
        notes.append(f"Learned positions of the {half} are resampled from {moved}.")
    return {name: _resized(parts, config, name, half)}


def _resized(parts: Parts, config: ModelConfig, name: str, half: str) -> Tensor:
    """The table for the new grid and the new prefix tokens: (1, prefix + N, D)."""
    # A cross decoder has no rows for prefix tokens.
    has_rows = half == "encoder" or parts.config.decoder == "full"
    had = parts.config.num_prefix if has_rows else 0
    has = config.num_prefix if has_rows else 0
    table = resize_positions(parts.state[name], grid_of(parts.config), grid_of(config), had)
    if had == has:
        return table
    # Rows of tokens that are new are zero; the class token's comes first in both.
    rows = min(had, has)
    fresh = table.new_zeros(1, has - rows, table.shape[2])
    return torch.cat([table[:, :rows], fresh, table[:, had:]], dim=1)
