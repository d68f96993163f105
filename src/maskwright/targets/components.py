"""The components target: a part of the principal components of patches.

Balestriero and LeCun (2024) find that what explains pixels least classifies best.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from maskwright.patches.pixels import PatchStats, widen
from maskwright.patches.target import PatchShape, TargetTraits
from maskwright.support.checks import check_flag, check_number, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.targets.catalog import target_line

OWNER = "Target 'components'"
TRAITS = TargetTraits(returns="projection")
# Deviation below which a component holds nothing but rounding, over that of the strongest.
_NOTHING = 1e-4


@dataclass(frozen=True, kw_only=True)
class ComponentsSettings:
    """Predict some principal components of each patch, those of the least variance by default.

    The components are fitted once, on patches of training pictures, and kept with the weights.

    Formula: t = V (x - m), V some principal components, m the mean patch
    Source: Balestriero and LeCun 2024 (Learning by Reconstruction).

    part: `low` keeps the components of the least variance, `high` those of the most.
    share: how many of them are kept, as a share of all.
    whiten: divide each by its own deviation; else all are divided by one number that makes their
        mean square 1.
    """

    part: Literal["low", "high"] = "low"
    share: float = 0.75
    whiten: bool = False

    def __post_init__(self) -> None:
        check_one_of("part", self.part, ("low", "high"), owner=OWNER)
        check_number("share", self.share, 1e-6, 1, owner=OWNER)
        check_flag("whiten", self.whiten, owner=OWNER)

    @property
    def traits(self) -> TargetTraits:
        return TRAITS

    def num_values(self, shape: PatchShape) -> int:
        return max(1, round(self.share * shape.num_values))

    def build(self, shape: PatchShape) -> PatchComponents:
        """The target for patches of that shape, not fitted yet."""
        return PatchComponents(self, shape)

    def __str__(self) -> str:
        return target_line("components", self)


class PatchComponents(nn.Module):
    """Coordinates of patches in a basis that is fitted once and saved with the model."""

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def __init__(self, settings: ComponentsSettings, shape: PatchShape) -> None:
        super().__init__()
        self.settings = settings
        count = settings.num_values(shape)
        # Zeros until they are fitted or loaded: a forgotten fit shows at once.
        self.register_buffer("mean", torch.zeros(shape.num_values))
        self.register_buffer("basis", torch.zeros(shape.num_values, count))
        self.register_buffer("scale", torch.zeros(count))

    @property
    def traits(self) -> TargetTraits:
        return TRAITS

    def num_values(self, shape: PatchShape) -> int:
        return self.settings.num_values(shape)

    @torch.no_grad()
    def fit(self, patches: Iterable[Tensor]) -> None:
        """Fit on batches of patches (B, N, P) in the model's numbers.

        Raises MaskwrightError when there is nothing in the components that are kept.
        """
        mean, covariance = _moments(patches)
        # rising variance; the sign of a direction is chosen, so that a fit can be repeated
        variance, directions = torch.linalg.eigh(covariance)
        largest = directions.abs().argmax(0, keepdim=True)
        directions = directions * directions.gather(0, largest).sign()

        count = self.basis.shape[1]
        kept = slice(0, count) if self.settings.part == "low" else slice(-count, None)
        deviation = variance.clamp_min(0).sqrt()
        scale = self._scale(deviation[kept], float(deviation[-1]))
        self.mean.copy_(mean)
        self.basis.copy_(directions[:, kept])
        self.scale.copy_(scale)

    def of_patches(self, patches_BKP: Tensor) -> Tensor:
        # Weak components are small differences of large numbers, which half precision loses.
        patches = widen(patches_BKP)
        mean, basis, scale = (part.to(patches.dtype) for part in self._parts())
        return ((patches - mean) @ basis) / scale

    def to_pixels(self, values_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        mean = self._parts()[0].to(values_BKT.dtype)
        return self.error_to_pixels(values_BKT, stats) + mean

    def error_to_pixels(self, errors_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        _, basis, scale = (part.to(errors_BKT.dtype) for part in self._parts())
        return (errors_BKT * scale) @ basis.T

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.mean, self.basis, self.scale

    def _scale(self, deviation: Tensor, strongest: float) -> Tensor:
        """What each coordinate is divided by."""
        mean_square = deviation.square().mean().sqrt()
        # gray pictures read as color have patches with empty directions
        least = deviation.min() if self.settings.whiten else mean_square
        if float(least) <= _NOTHING * strongest:
            raise MaskwrightError(
                f"The components of {self} hold next to nothing in these pictures, as in gray"
                " pictures that are read as color; use --channels 1, part='high' or another share."
            )
        return deviation if self.settings.whiten else mean_square.expand_as(deviation)

    def __str__(self) -> str:
        return str(self.settings)


def _moments(patches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean (P,) and covariance (P, P) over all patches, float64."""
    count = 0
    total = torch.zeros(())
    products = torch.zeros(())
    for batch in patches:
        rows = batch.flatten(0, 1).cpu().double()  # (B * N, P)
        count += len(rows)
        total = total + rows.sum(0)
        products = products + rows.T @ rows
    mean = total / count
    # One pass: in float64 the mean that is taken away costs no digits that matter.
    covariance = products / count - torch.outer(mean, mean)
    return mean, covariance
