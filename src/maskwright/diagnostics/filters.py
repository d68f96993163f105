"""Pictures with fine or coarse structure taken away: Gaussian blur and ideal radial filters."""

from __future__ import annotations

import torch
from torch import Tensor


def blur(images: Tensor, sigma: float) -> Tensor:
    """Blur (B, C, H, W) images by a Gaussian of `sigma` pixels, mirrored at the borders.

    Sigma 0 changes nothing. Returns float32.
    """
    values = images.float()
    if sigma == 0:
        return values
    height, width = images.shape[-2:]
    down = _blur_matrix(height, sigma).to(images.device)
    across = _blur_matrix(width, sigma).to(images.device)
    # A Gaussian is separable: (H, H) @ (B, C, H, W) @ (W, W), exact for every sigma.
    return down @ values @ across.T


def radial_frequency(height: int, width: int) -> Tensor:
    """The frequency (H, W // 2 + 1) of each term of `rfft2`, in cycles per shorter side."""
    # In cycles per pixel, which both directions share, then per shorter side.
    down = torch.fft.fftfreq(height)[:, None]
    right = torch.fft.rfftfreq(width)[None]
    return torch.hypot(down, right) * min(height, width)


def keep_low(images: Tensor, cutoff: float) -> Tensor:
    """Remove all that repeats more often than `cutoff` times over the shorter side.

    (B, C, H, W) to float32, not clipped.
    """
    radius = radial_frequency(*images.shape[-2:])
    return _filter(images, radius <= cutoff)


def keep_high(images: Tensor, cutoff: float) -> Tensor:
    """Remove all that repeats at most `cutoff` times over the shorter side; the mean stays.

    Cut-off 0 changes nothing.
    """
    radius = radial_frequency(*images.shape[-2:])
    is_high = radius > cutoff
    # Without the mean a picture would be black wherever it is below it.
    is_mean = radius == 0
    return _filter(images, is_high | is_mean)


def match_contrast(images: Tensor, like: Tensor) -> Tensor:
    """Stretch each image about the mean of each channel to the standard deviation of `like`."""
    mean = images.mean((2, 3), keepdim=True)
    centered = images - mean
    target = _deviation(like.float())
    current = _deviation(images)
    # A flat picture stays flat.
    return mean + centered * target / current.clamp_min(1e-6)


def _deviation(images: Tensor) -> Tensor:
    """(B, 1, 1, 1) deviation from the mean of each channel.

    Over all channels together, so that colors keep their balance.
    """
    centered = images - images.mean((2, 3), keepdim=True)
    variance = centered.square().mean((1, 2, 3), keepdim=True)
    return variance.sqrt()


def to_bytes(images: Tensor) -> Tensor:
    """Round and clip values of 0 to 255 to uint8."""
    # Clipped, as every probe gets bytes: a filter must not hand it more than a picture holds.
    rounded = images.round().clamp(0, 255)
    return rounded.to(torch.uint8)


def _filter(images: Tensor, is_kept: Tensor) -> Tensor:
    spectrum = torch.fft.rfft2(images.float())
    left = spectrum * is_kept.to(images.device)
    # The size is stated, because an odd width is lost in half a spectrum.
    return torch.fft.irfft2(left, s=images.shape[-2:])


def _blur_matrix(side: int, sigma: float) -> Tensor:
    """(side, side) weights of a Gaussian, each row summing to 1."""
    # Beyond four sigmas a Gaussian is below 0.04% of its peak.
    reach = max(1, round(4 * sigma))
    offsets = torch.arange(-reach, reach + 1)
    in_sigmas = offsets.double() / sigma
    weights = torch.exp(-0.5 * in_sigmas.square())
    # Tails fold back at the borders, as in a picture that is mirrored again and again.
    reached = torch.arange(side)[:, None] + offsets
    positions = reached % (2 * side)
    mirrored = 2 * side - 1 - positions
    folded = torch.where(positions < side, positions, mirrored)
    matrix = torch.zeros(side, side, dtype=torch.float64)
    normalized = weights / weights.sum()
    rows = normalized.expand(side, -1).contiguous()
    # Offsets that fold onto the same pixel add up.
    return matrix.scatter_add_(1, folded, rows).float()
