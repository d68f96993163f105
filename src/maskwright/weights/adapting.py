"""An encoder for other pictures than it was made for: positions resampled to a new grid, a stem for
another number of channels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from torch import Tensor

from maskwright.models.config import ModelConfig
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale
from maskwright.patches.positions import resize_positions

_STEM = "encoder.patch_embed.proj.weight"


def adapt_size(
    config: ModelConfig, state: Mapping[str, Tensor], size: tuple[int, int]
) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Resample every position table of a state dict under our names to the grid of an image of
    `size`, in two dimensions.
    """
    old, new = (Grid.of_image(*sides, config.patch_size) for sides in (config.image_size, size))
    prefix = {
        "encoder.pos_embed": config.num_prefix,
        "decoder.pos_embed": config.num_prefix if config.decoder == "full" else 0,
    }
    resized = {
        name: resize_positions(value, old, new, prefix[name]) if name in prefix else value
        for name, value in state.items()
    }
    return dataclasses.replace(config, image_size=size), resized


def adapt_channels(
    config: ModelConfig, state: Mapping[str, Tensor], scale: PixelScale, channels: int
) -> tuple[ModelConfig, dict[str, Tensor], PixelScale]:
    """Give an encoder's stem another number of input channels, as timm does; mean and deviation of
    the channels are averaged.
    """
    stem = adapt_stem(state[_STEM], channels)
    mean, std = (sum(values) / len(values) for values in (scale.mean, scale.std))
    changed = dataclasses.replace(config, channels=channels)
    return changed, {**state, _STEM: stem}, PixelScale((mean,) * channels, (std,) * channels)


def adapt_stem(weight: Tensor, channels: int) -> Tensor:
    """(D, C, p, p) weights for another C: one channel gets the sum, more get the old ones in turn,
    scaled so that the sum stays.
    """
    old = weight.shape[1]
    if channels == old:
        return weight
    if channels == 1:
        return weight.sum(1, keepdim=True)
    return weight.repeat(1, math.ceil(channels / old), 1, 1)[:, :channels] * (old / channels)
