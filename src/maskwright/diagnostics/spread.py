"""How a representation fills its space: rank, uniformity, alignment and distances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.support.errors import MaskwrightError

# Bounds the memory of all pairs: 1,024 rows against all pictures at a time.
_ROWS_AT_ONCE = 1024
# A first singular value below this share of the features' norm is rounding.
_COLLAPSED = 1e-9


@dataclass(frozen=True)
class RepresentationShape:
    """Numbers of n feature vectors of one width.

    effective_rank: exp of the entropy of the normalized singular values of the centered features
        (Roy and Vetterli 2007).
    participation_ratio: squared sum of the covariance's eigenvalues over the sum of their squares.
    uniformity: log of the mean over pairs of exp(-2 squared distance), lower is more even.
    alignment: mean squared distance of two views of one picture, lower is more alike.

    Both ranks are 1 when one direction holds everything, and the width (or n - 1) when all hold the
    same. Uniformity and alignment are on the unit sphere (Wang and Isola 2020).
    """

    effective_rank: float
    participation_ratio: float
    uniformity: float
    alignment: float

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Yield (name, value) like every diagnostic."""
        return iter(asdict(self).items())


def measure_shape(features: Tensor, first_view: Tensor, second_view: Tensor) -> RepresentationShape:
    """Measure (n, D) features of pictures and (n, D) features of two augmentations of each."""
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
    # float64, because small singular values drown in the rounding of float32.
    exact = features.double()
    values = torch.linalg.svdvals(exact - exact.mean(0))
    size = exact.norm().clamp_min(1e-12)
    if values[0] <= _COLLAPSED * size:
        raise MaskwrightError(
            "The representation has collapsed: every picture has the same features, so it has no"
            " rank."
        )
    return values


def effective_rank(singular_values: Tensor) -> float:
    """The exponential of the entropy of the singular values as shares of their sum."""
    shares = singular_values / singular_values.sum()
    entropy = -torch.special.xlogy(shares, shares).sum()
    return float(torch.exp(entropy))


def participation_ratio(singular_values: Tensor) -> float:
    """How many directions share the variance, by the second moment of the spectrum."""
    variances = singular_values.square()
    total = variances.sum()
    return float(total.square() / variances.square().sum())


def uniformity(features: Tensor) -> float:
    """The log of the mean of exp(-2 |x - y|^2) over pairs of pictures, on the unit sphere."""
    units = F.normalize(features.double(), dim=1)
    total = 0.0
    for rows in units.split(_ROWS_AT_ONCE):
        # On the unit sphere |x - y|^2 = 2 - 2 x.y, so the exponent is 4 (x.y - 1).
        exponents = 4 * (rows @ units.T - 1)
        total += float(torch.exp(exponents).sum())
    # Each picture with itself gives exp(0) = 1 and is no pair.
    count = len(units)
    mean = (total - count) / (count * (count - 1))
    return float(torch.tensor(mean, dtype=torch.float64).log())


def alignment(first_view: Tensor, second_view: Tensor) -> float:
    """The mean of |x - x'|^2 over two views of each picture, features on the unit sphere."""
    first = F.normalize(first_view.double(), dim=1)
    second = F.normalize(second_view.double(), dim=1)
    squared = (first - second).square().sum(1)  # (n,)
    return float(squared.mean())


def mean_distance(features: Tensor) -> float:
    """The mean cosine distance between two different pictures, from (n, D) features."""
    units = F.normalize(features.double(), dim=1)
    count = len(units)
    # The squared norm of the sum holds every pair twice and each picture with itself once.
    squared_norm = units.sum(0).square().sum()
    cosine = (squared_norm - count) / (count * (count - 1))
    return max(1e-12, 1 - float(cosine))
