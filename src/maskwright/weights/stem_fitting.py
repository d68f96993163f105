"""The patch embedding for other channels, another patch size and another pixel scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.adapting import adapt_stem
from maskwright.weights.model_parts import Parts

_NAME = "encoder.patch_embed.proj"


@dataclass(frozen=True)
class Stem:
    """A patch embedding, in float64: into another pixel scale and back it must not lose a bit.

    weight: (D, C, p, p).
    bias: (D,).
    """

    weight: Tensor
    bias: Tensor

    def under(self, scale: PixelScale) -> Stem:
        """The stem that takes pixels in a scale and gives what this one gives for plain pixels.

        With x the scaled value, a pixel is std * x + mean: std goes into the weights, mean into
        the bias.
        """
        mean = torch.tensor(scale.mean, dtype=torch.float64)[:, None, None]
        std = torch.tensor(scale.std, dtype=torch.float64)[:, None, None]
        return Stem(self.weight * std, self.bias + (self.weight * mean).sum((1, 2, 3)))


def stem_of(parts: Parts) -> Stem:
    """The stem of a model for plain pixels in [0, 1], freed of the scale it was trained under."""
    if f"{_NAME}.weight" not in parts.state:
        raise MaskwrightError(f"{parts.source} has no patch embedding, so nothing can start there.")
    weight = parts.state[f"{_NAME}.weight"].double()
    bias = parts.state.get(f"{_NAME}.bias", weight.new_zeros(weight.shape[0])).double()
    mean, std = parts.scale.mean, parts.scale.std
    # The inverse of `under`: a scaled value is (pixel - mean) / std.
    inverse = PixelScale(
        tuple(-m / s for m, s in zip(mean, std, strict=True)), tuple(1 / s for s in std)
    )
    return Stem(weight, bias).under(inverse)


def fit_stem(stem: Stem, config: ModelConfig, notes: list[str]) -> Stem:
    """The stem for a model's channels and patch size."""
    old_channels, old_side = stem.weight.shape[1], stem.weight.shape[-1]
    weight = stem.weight
    if config.channels != old_channels:
        weight = adapt_stem(weight, config.channels)
        how = (
            "summed to one, so a gray picture gives what it gave in equal channels"
            if config.channels == 1
            else "repeated in turn and scaled, so that activations keep their size"
        )
        notes.append(
            f"The {old_channels} channels of the patch embedding are {how} (as timm does)."
        )
    if config.patch_size != old_side:
        weight = resample_patches(weight, config.patch_size)
        notes.append(
            f"The patch embedding is resampled from {old_side} to {config.patch_size} pixels by the"
            " pseudo-inverse of the resizing (Beyer et al. 2023)."
        )
    return Stem(weight, stem.bias)


def resample_patches(weight: Tensor, side: int) -> Tensor:
    """Resample (D, C, p, p) weights to another patch size, (D, C, side, side).

    An enlarged patch gives the token that the patch gave before (FlexiViT, Beyer et al. 2023).
    """
    # Imported here: timm takes a second to load and is needed for this alone.
    from timm.layers import resample_patch_embed

    resampled: Tensor = resample_patch_embed(weight.float(), [side, side])
    return resampled.to(weight.dtype)
