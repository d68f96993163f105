"""Pictures with fine or coarse structure taken away: Gaussian blur in pixels and ideal radial
filters in cycles per image.
"""

from __future__ import annotations

import torch
from torch import Tensor


def blur(images: Tensor, sigma: float) -> Tensor:
    """Blur (B, C, H, W) images by a Gaussian of `sigma` pixels, mirrored at the borders; sigma 0
    changes nothing. Returns float32.
    """
    values = images.float()
    if sigma == 0:
        return values
    rows, columns = (_blur_matrix(side, sigma).to(images.device) for side in images.shape[-2:])
    return rows @ values @ columns.T


def radial_frequency(height: int, width: int) -> Tensor:
    """The distance (H, W // 2 + 1) of each term of `rfft2` from the mean, in cycles per shorter
    side of the image.
    """
    down, right = torch.fft.fftfreq(height), torch.fft.rfftfreq(width)
    return torch.hypot(*torch.meshgrid(down, right, indexing="ij")) * min(height, width)


def keep_low(images: Tensor, cutoff: float) -> Tensor:
    """Remove all that repeats more often than `cutoff` times over the shorter side; (B, C, H, W) to
    float32, not clipped.
    """
    return _filter(images, radial_frequency(*images.shape[-2:]) <= cutoff)


def keep_high(images: Tensor, cutoff: float) -> Tensor:
    """Remove all that repeats at most `cutoff` times over the shorter side but the mean, which
    stays; cutoff 0 changes nothing.
    """
    radius = radial_frequency(*images.shape[-2:])
    return _filter(images, (radius > cutoff) | (radius == 0))


def match_contrast(images: Tensor, like: Tensor) -> Tensor:
    """Stretch each image about the mean of each channel until its standard deviation is that of
    `like`, over all channels.
    """
    mean = images.mean((2, 3), keepdim=True)
    centered = images - mean
    wanted = (
        (like.float() - like.float().mean((2, 3), keepdim=True))
        .square()
        .mean((1, 2, 3), keepdim=True)
        .sqrt()
    )
    return mean + centered * wanted / centered.square().mean(
        (1, 2, 3), keepdim=True
    ).sqrt().clamp_min(1e-6)


def to_bytes(images: Tensor) -> Tensor:
    """Round and clip values of 0 to 255 to uint8."""
    return images.round().clamp(0, 255).to(torch.uint8)


def _filter(images: Tensor, is_kept: Tensor) -> Tensor:
    spectrum = torch.fft.rfft2(images.float())
    return torch.fft.irfft2(spectrum * is_kept.to(images.device), s=images.shape[-2:])


def _blur_matrix(side: int, sigma: float) -> Tensor:
    """(side, side) weights of a Gaussian cut at four sigmas whose tails fold back at the borders,
    each row summing to 1.
    """
    reach = max(1, round(4 * sigma))
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma).square())
    places = (torch.arange(side)[:, None] + offsets) % (2 * side)
    folded = torch.where(places < side, places, 2 * side - 1 - places)
    matrix = torch.zeros(side, side, dtype=torch.float64)
    return matrix.scatter_add_(
        1, folded, (weights / weights.sum()).expand(side, -1).contiguous()
    ).float()
