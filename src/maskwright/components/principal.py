"""Principal components of whole pictures, and what they leave over as one more part."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from maskwright.components.basis import PictureShape
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError


class PrincipalComponents(nn.Module):
    """The `count` directions in which the fitted pictures differ most, and the rest as the last id.

    seed: of the randomized fit, which is used where pictures have many more values than there are
        directions.
    """

    mean: Tensor
    directions: Tensor
    shares: Tensor

    def __init__(self, shape: PictureShape, count: int, seed: int = 0) -> None:
        super().__init__()
        if not 1 <= count < shape.num_values:
            raise MaskwrightError(
                f"Pictures of {shape.num_values} values have 1 to {shape.num_values - 1} principal"
                f" components to choose from; got {count}."
            )
        self.count = count
        self.seed = seed
        # zeros until they are fitted or loaded: a forgotten fit shows at once
        self.register_buffer("mean", torch.zeros(shape.channels, shape.height, shape.width))
        self.register_buffer("directions", torch.zeros(count, shape.num_values))
        self.register_buffer("shares", torch.zeros(count + 1))

    @property
    def grid(self) -> Grid:
        """One row: components by falling variance."""
        return Grid(1, self.count + 1, 1)

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit; raises MaskwrightError for fewer pictures than components."""
        rows = torch.cat([batch.flatten(1).cpu().float() for batch in batches])  # (n, S)
        if len(rows) <= self.count:
            raise MaskwrightError(
                f"{self.count} principal components need more pictures than that; there are"
                f" {len(rows)}."
            )
        fitted = PCA(self.count, random_state=self.seed).fit(rows.numpy())
        known = torch.from_numpy(fitted.explained_variance_ratio_)
        self.mean.copy_(torch.from_numpy(fitted.mean_).view_as(self.mean))
        self.directions.copy_(torch.from_numpy(fitted.components_))
        self.shares.copy_(torch.cat([known, (1 - known.sum())[None].clamp_min(0)]))

    def flops(self) -> int:
        """Operations of one `part` of a picture: onto the components and back."""
        return 2 * 2 * self.directions.numel()

    def part(self, differences: Tensor, chosen: Tensor) -> Tensor:
        rows = differences.flatten(1)  # (B, S)
        directions = self.directions.to(rows.dtype)
        coordinates = rows @ directions.T  # (B, count)
        kept = chosen.to(rows.dtype)
        # With the rest: all of it, less the components that were not chosen. Without: the chosen.
        with_rest = kept[:, -1:]
        signed = coordinates * (kept[:, :-1] - with_rest)
        return (with_rest * rows + signed @ directions).view_as(differences)
