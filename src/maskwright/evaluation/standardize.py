"""Every feature brought to mean 0 and deviation 1 by the statistics of train images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# A deviation under this share of the mean's size is the rounding of a constant.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class Standardizer:
    """The statistics of the images it was fitted on: batch norm without affine, computed once.

    mean: (D,).
    factor: (D,) = 1 / deviation, 0 for a feature that never varies.
    """

    mean: Tensor
    factor: Tensor

    @classmethod
    def fit(cls, values: Tensor) -> Standardizer:
        """Measure (n, D) train features."""
        # In float64, because a variance is a small difference of large sums.
        variance, mean = torch.var_mean(values.double(), dim=0, correction=0)
        deviation = variance.sqrt()
        varies = deviation > _CONSTANT * mean.abs()
        return cls(mean.float(), torch.where(varies, 1 / deviation, 0.0).float())

    def apply(self, values: Tensor) -> Tensor:
        """Standardize (n, D) features of any images with the fitted statistics."""
        return (values.float() - self.mean) * self.factor
