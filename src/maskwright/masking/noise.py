"""Colored noise: filtered white noise decides, so that masked patches clump or spread out.

ColorMAE, Hinojosa et al. 2024. Each image filters its own noise. The grid is closed to a ring in
both directions while filtering, because any other border treatment masks the border more or less
often than the center; the price is that opposite borders look alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from maskwright.masking.policy import Scene, Traits
from maskwright.patches.grid import Grid
from maskwright.support.checks import check_number
from maskwright.support.errors import MaskwrightError

LEAST_SIGMA = 0.25  # below it the Gaussian is a single patch in float32 and filters nothing


@dataclass(frozen=True, kw_only=True)
class RedNoise:
    """Mask large smooth regions: low-pass noise.

    A hidden patch then lies far from what is visible, so copying a neighbor helps little.

    Formula: score = G(sigma) * w, w white noise, G a Gaussian filter
    Source: Hinojosa et al. 2024 (ColorMAE).

    sigma: width of the Gaussian in patches; larger makes larger regions.
    """

    traits: ClassVar[Traits] = Traits()
    sigma: float = 2.0

    def __post_init__(self) -> None:
        check_number("sigma", self.sigma, LEAST_SIGMA, owner="Policy 'red'")

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        _check_width("red", "sigma", self.sigma, grid)

    def score(self, scene: Scene) -> Tensor:
        white = _white(scene)
        return _smooth(white, self.sigma).flatten(1)


@dataclass(frozen=True, kw_only=True)
class BlueNoise:
    """Mask so that no large region is all masked: high-pass noise.

    A hidden patch then has something visible beside it, which makes an easy task.

    Formula: score = w - G(sigma) * w, w white noise, G a Gaussian filter
    Source: Hinojosa et al. 2024 (ColorMAE).

    sigma: width in patches of the Gaussian that is taken away.
    """

    traits: ClassVar[Traits] = Traits()
    sigma: float = 1.0

    def __post_init__(self) -> None:
        check_number("sigma", self.sigma, LEAST_SIGMA, owner="Policy 'blue'")

    def score(self, scene: Scene) -> Tensor:
        white = _white(scene)
        fine = white - _smooth(white, self.sigma)
        return fine.flatten(1)


@dataclass(frozen=True, kw_only=True)
class GreenNoise:
    """Mask clumps of a middle size: band-pass noise.

    Two filters of different width are subtracted, so that neither single patches nor large regions
    are masked together.

    Formula: score = (G(fine) - G(coarse)) * w, w white noise, G a Gaussian filter
    Source: Hinojosa et al. 2024 (ColorMAE).

    fine, coarse: widths in patches of the two Gaussians between which it lies.
    """

    traits: ClassVar[Traits] = Traits()
    fine: float = 0.5
    coarse: float = 2.0

    def __post_init__(self) -> None:
        _check_band("green", self.fine, self.coarse)

    def score(self, scene: Scene) -> Tensor:
        white = _white(scene)
        band = _band(white, self.fine, self.coarse)
        return band.flatten(1)


@dataclass(frozen=True, kw_only=True)
class PurpleNoise:
    """Mask large regions and single patches, but no middle sizes: band-stop noise.

    It is white noise less the green noise of the same widths.

    Formula: score = w - (G(fine) - G(coarse)) * w, w white noise, G a Gaussian filter
    Source: Hinojosa et al. 2024 (ColorMAE).

    fine, coarse: widths in patches of the two Gaussians between which nothing is left.
    """

    traits: ClassVar[Traits] = Traits()
    fine: float = 0.5
    coarse: float = 2.0

    def __post_init__(self) -> None:
        _check_band("purple", self.fine, self.coarse)

    def score(self, scene: Scene) -> Tensor:
        white = _white(scene)
        rest = white - _band(white, self.fine, self.coarse)
        return rest.flatten(1)


@lru_cache(maxsize=64)
def ring_gaussian(side: int, sigma: float, device: torch.device) -> Tensor:
    """(side, side) matrix that smooths a ring of `side` coordinates with a Gaussian of width sigma.

    Rows and columns sum to 1.
    """
    # the shorter way round the ring
    along = torch.arange(side, device=device)
    gaps = (along[:, None] - along[None, :]).abs()  # (side, side)
    gaps = torch.minimum(gaps, side - gaps)
    # a wide Gaussian meets itself again after each turn of the ring
    turns = torch.arange(-2, 3, device=device) * side
    distances = gaps[..., None] + turns  # (side, side, 5)
    exponents = (distances / sigma).square() / 2
    weights = torch.exp(-exponents).sum(-1)  # (side, side)
    return weights / weights.sum(1, keepdim=True)


def _white(scene: Scene) -> Tensor:
    """(B, rows, cols) white noise of mean zero.

    What a wide Gaussian leaves would be lost beside a constant.
    """
    white = scene.rng.normal(scene.grid.rows, scene.grid.cols)
    return white - white.mean((1, 2), keepdim=True)


def _smooth(noise: Tensor, sigma: float) -> Tensor:
    """(B, rows, cols) noise filtered by a Gaussian along rows and columns."""
    down = ring_gaussian(noise.shape[1], sigma, noise.device)
    right = ring_gaussian(noise.shape[2], sigma, noise.device)
    # bfloat16 products would tie patches and move masks with the precision
    with torch.autocast(noise.device.type, enabled=False):
        return down @ noise @ right


def _band(noise: Tensor, fine: float, coarse: float) -> Tensor:
    return _smooth(noise, fine) - _smooth(noise, coarse)


def _check_band(owner: str, fine: float, coarse: float) -> None:
    check_number("fine", fine, LEAST_SIGMA, owner=f"Policy '{owner}'")
    check_number("coarse", coarse, LEAST_SIGMA, owner=f"Policy '{owner}'")
    if fine >= coarse:
        raise MaskwrightError(
            f"Policy '{owner}' needs fine < coarse; got fine={fine:g} and coarse={coarse:g}."
        )


def _check_width(
    owner: str,
    name: str,
    sigma: float,
    grid: Grid,
) -> None:
    # beyond half of the longer side the Gaussian covers the whole ring
    most = max(grid.rows, grid.cols) / 2
    if sigma > most:
        raise MaskwrightError(
            f"Policy '{owner}({name}={sigma:g})' on a {grid.rows}x{grid.cols} grid smooths"
            f" everything away: use at most {most:g}."
        )
