"""How a representation fills its space: effective rank, participation ratio, uniformity and
alignment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.support.errors import MaskwrightError

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class RepresentationShape:
    """Numbers of n feature vectors of one width.

    effective_rank: exp of the entropy of the normalized singular values of the centered features
        (Roy and Vetterli 2007).
    participation_ratio: squared sum of the covariance's eigenvalues over the sum of their squares.
        Both are 1 when one direction holds everything, and the width (or n - 1) when all hold the
        same.
    uniformity: log of the mean over pairs of exp(-2 squared distance), lower is more even.
    alignment: mean squared distance of two views of one picture, lower is more alike; both on the
        unit sphere (Wang and Isola 2020).
    """

    effective_rank: float
    participation_ratio: float
    uniformity: float
    alignment: float

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Yield (name, value) like every diagnostic."""
        return iter(asdict(self).items())


def measure_shape(features: Tensor, first_view: Tensor, second_view: Tensor) -> RepresentationShape:
    """Measure (n, D) features of pictures as they are, and (n, D) features of two augmentations of
    each.
    """
    values = spectrum(features)
    return RepresentationShape(
        effective_rank(values),
        participation_ratio(values),
        uniformity(features),
        alignment(first_view, second_view),
    )


def spectrum(features: Tensor) -> Tensor:
    """Singular values of centered (n, D) features in falling order, float64; raises MaskwrightError
    when all vectors are the same.
    """
    if len(features) < 2:
        raise MaskwrightError(
            f"A representation is measured on at least two pictures; got {len(features)}."
        )
    centered = features.double() - features.double().mean(0)
    values = torch.linalg.svdvals(centered)
    if values[0] <= 1e-9 * features.double().norm().clamp_min(1e-12):
        raise MaskwrightError(
            "The representation has collapsed: every picture has the same features, so it has no"
            " rank."
        )
    return values


def effective_rank(singular_values: Tensor) -> float:
    """The exponential of the entropy of the singular values as shares of their sum."""
    shares = singular_values / singular_values.sum()
    return float(torch.exp(-torch.special.xlogy(shares, shares).sum()))


def participation_ratio(singular_values: Tensor) -> float:
    """How many directions share the variance, by the second moment of the spectrum."""
    variances = singular_values.square()
    return float(variances.sum().square() / variances.square().sum())


def uniformity(features: Tensor) -> float:
    """The log of the mean of exp(-2 |x - y|^2) over all pairs of different pictures, features on
    the unit sphere.
    """
    units = F.normalize(features.double(), dim=1)
    total = sum(
        float(torch.exp(4 * (rows @ units.T - 1)).sum()) for rows in units.split(_ROWS_AT_ONCE)
    )
    pairs = len(units) * (len(units) - 1)
    return float(torch.tensor((total - len(units)) / pairs, dtype=torch.float64).log())


def alignment(first_view: Tensor, second_view: Tensor) -> float:
    """The mean of |x - x'|^2 over two views of each picture, features on the unit sphere."""
    one, other = (F.normalize(view.double(), dim=1) for view in (first_view, second_view))
    return float((one - other).square().sum(1).mean())
