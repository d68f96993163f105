"""Pictures in the texture of others: statistics of random convolutions matched, outlines kept.

No trained network and no download. That the Gram matrices of random filters carry texture was shown
by He et al. (2016) and Ustyuzhaninov et al. (2017); `bench/restyling.py` measures what it does to
shapes and textures here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.diagnostics.filters import blur
from maskwright.support.seeding import torch_generator

_LEVELS = 3
"""Scales of the pyramid, each half as large as the one before it."""
_SIDE = 5
"""Of a random filter, in pixels."""
_CHUNK = 32
"""Pictures at a time, for memory alone."""


@dataclass(frozen=True)
class Restyler:
    """How pictures take on the texture of others.

    filters: random filters at each scale.
    steps: of the optimizer.
    rate: its learning rate, of pixels in [0, 1].
    outline: weight of keeping the coarse drawing, beside the texture's.
    cells: of the coarse drawing along the shorter side of the picture.
    seed: draws the filters.
    """

    filters: int = 32
    steps: int = 80
    rate: float = 0.03
    outline: float = 10.0
    cells: int = 16
    seed: int = 0

    def restyle(self, images: Tensor, styles: Tensor) -> Tensor:
        """Draw (n, C, H, W) uint8 images in the texture of as many others; uint8 again."""
        parts = []
        for some, others in zip(images.split(_CHUNK), styles.split(_CHUNK), strict=True):
            # Begun in the colors of the style, which is nearer than the picture itself.
            parts.append(self._optimize(some.float() / 255, others.float() / 255))
        return (torch.cat(parts) * 255).round().byte()

    def _optimize(self, content: Tensor, style: Tensor) -> Tensor:
        """Follow the gradient of both errors from the recolored content (b, C, H, W)."""
        bank = random_filters(self.filters, content.shape[1], self.seed)
        wanted = texture_statistics(style, bank)
        # The same drawing whatever the size: pixels are averaged to so many cells.
        coarse = max(1, min(content.shape[-2:]) // self.cells)
        drawing = outline_of(content, coarse)
        # Blurred first: what is left of the picture's own texture would stay where it is.
        begun = blur(recolor(content, style), coarse / 2)
        grain = torch.randn(begun.shape, generator=torch_generator(self.seed, "grain"))
        noisy = begun + 0.1 * grain
        picture = noisy.clamp(0, 1).requires_grad_(True)
        optimizer = torch.optim.Adam([picture], lr=self.rate)
        for _ in range(self.steps):
            optimizer.zero_grad()
            of_outline = _distance([outline_of(picture, coarse)], [drawing])
            of_texture = _distance(texture_statistics(picture, bank), wanted)
            error = self.outline * of_outline + of_texture
            error.backward()
            optimizer.step()
            # Pictures have no colors outside [0, 1].
            with torch.no_grad():
                picture.clamp_(0, 1)
        return picture.detach()


def random_filters(count: int, channels: int, seed: int) -> Tensor:
    """(count, channels, side, side) filters of unit norm; all but the first few without a mean.

    Those without a mean see no flat color, so they see texture alone; the others see color.
    """
    rng = torch_generator(seed, "restyling")
    bank = torch.randn(count, channels, _SIDE, _SIDE, generator=rng)
    num_with_mean = max(1, count // 8)
    rest = bank[num_with_mean:]
    rest -= rest.mean((1, 2, 3), keepdim=True)
    norm = bank.flatten(1).norm(dim=1)  # (count,)
    return bank / norm[:, None, None, None]


def texture_statistics(images: Tensor, bank: Tensor) -> list[Tensor]:
    """Gram matrices (b, F, F) of rectified responses at every scale, whose places are forgotten."""
    statistics = []
    for level in range(_LEVELS):
        if level:
            images = F.avg_pool2d(images, 2)
        # Mirrored borders, so that the frame of the picture is no texture of its own.
        padded = F.pad(images, [_SIDE // 2] * 4, mode="reflect")
        responses = F.relu(F.conv2d(padded, bank)).flatten(2)  # (b, F, places)
        products = responses @ responses.transpose(1, 2)  # (b, F, F)
        statistics.append(products / responses.shape[2])
    return statistics


def outline_of(images: Tensor, coarse: int) -> Tensor:
    """The coarse drawing (b, 1, h, w): gray, shrunk, in units of its own contrast."""
    gray = F.avg_pool2d(images.mean(1, keepdim=True), coarse)
    centered = gray - gray.mean((2, 3), keepdim=True)
    deviation = centered.std((2, 3), keepdim=True)
    # A flat picture has no drawing.
    return centered / deviation.clamp_min(1e-3)


def recolor(content: Tensor, style: Tensor) -> Tensor:
    """The content with mean and deviation of each of the style's channels, in [0, 1]."""
    # (b, C, 1, 1) each
    mean = content.mean((2, 3), keepdim=True)
    deviation = content.std((2, 3), keepdim=True)
    mean_of_style = style.mean((2, 3), keepdim=True)
    deviation_of_style = style.std((2, 3), keepdim=True)
    scaled = (content - mean) / deviation.clamp_min(1e-3)
    matched = scaled * deviation_of_style + mean_of_style
    return matched.clamp(0, 1)


def _distance(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Sum over pictures and scales of the squared distance, as a share of the target's size.

    Summed, not averaged, so that every picture is followed as if it were alone.
    """
    total = ours[0].new_zeros(())
    for mine, other in zip(ours, theirs, strict=True):
        size = other.flatten(1).square().mean(1)  # (b,)
        distance = (mine - other).flatten(1).square().mean(1)
        shares = distance / size.clamp_min(1e-8)
        total = total + shares.sum()
    return total
