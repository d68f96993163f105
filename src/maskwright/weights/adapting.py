"""An encoder for other pictures than it was made for: another size, other channels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from maskwright.models.config import ModelConfig
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale
from maskwright.patches.positions import resize_positions

_STEM = "encoder.patch_embed.proj.weight"


def adapt_size(
    config: ModelConfig, state: Mapping[str, Tensor], size: tuple[int, int]
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Resample the position tables of a state dict under our names to another grid.

    size: (height, width) of the images in pixels.
    """
    old = Grid.of_image(*config.image_size, config.patch_size)
    new = Grid.of_image(*size, config.patch_size)
    # Rows of prefix tokens have no place in the image and stay; a cross decoder has none of them.
    prefix_rows = {
        "encoder.pos_embed": config.num_prefix,
        "decoder.pos_embed": config.num_prefix if config.decoder == "full" else 0,
    }
    resized = dict(state)
    for name, num_prefix in prefix_rows.items():
        if name in state:
            # (1, prefix + N, D) -> (1, prefix + new N, D), in two dimensions
            resized[name] = resize_positions(state[name], old, new, num_prefix)
    for name in ("encoder.relation.bias_table", "decoder.relation.bias_table"):
        if name in state:
            resized[name] = resize_bias(state[name], new)
    return dataclasses.replace(config, image_size=size), resized


def resize_bias(table: Tensor, new: Grid) -> Tensor:
    """Resample biases of distances ((2R - 1), (2C - 1), heads) to those of another grid.

    A distance keeps its bias where it is the same share of the picture, as in BEiT.
    """
    size = (2 * new.rows - 1, 2 * new.cols - 1)
    # (rows, cols, heads) -> (1, heads, rows, cols) and back
    planes = table.permute(2, 0, 1)[None].float()
    resampled = F.interpolate(planes, size, mode="bicubic", align_corners=True)
    return resampled[0].permute(1, 2, 0).to(table.dtype)


def adapt_channels(
    config: ModelConfig, state: Mapping[str, Tensor], scale: PixelScale, channels: int
) -> tuple[ModelConfig, dict[str, Tensor], PixelScale]:
    """Give an encoder's stem another number of input channels, as timm does."""
    stem = adapt_stem(state[_STEM], channels)
    # No new channel is one of the old ones, so each gets the average scale.
    mean = sum(scale.mean) / len(scale.mean)
    std = sum(scale.std) / len(scale.std)
    changed = dataclasses.replace(config, channels=channels)
    return changed, {**state, _STEM: stem}, PixelScale((mean,) * channels, (std,) * channels)


def adapt_stem(weight: Tensor, channels: int) -> Tensor:
    """Adapt (D, C, p, p) weights to another C.

    One channel gets the sum; more channels get the old ones in turn.
    """
    old = weight.shape[1]
    if channels == old:
        return weight
    # (D, C, p, p) -> (D, 1, p, p): a gray image gives what three equal channels gave.
    if channels == 1:
        return weight.sum(1, keepdim=True)
    # (D, C, p, p) -> (D, channels, p, p)
    repeated = weight.repeat(1, math.ceil(channels / old), 1, 1)[:, :channels]
    # Activations keep their size when more channels are added up.
    return repeated * (old / channels)
