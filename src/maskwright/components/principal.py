"""Principal components of whole pictures, and what they leave over as one more part."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from maskwright.components.basis import PictureShape
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError

# Up to so many values or pictures all directions are found exactly: a square matrix of this side
# takes some ten seconds. Beyond it only the wanted ones are, by a randomized method.
_EXACT_SIDE = 4096
# More directions than wanted, and power iterations, make the randomized ones exact to a few digits.
_EXTRA = 10
_ITERATIONS = 4


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
        """Fit; raises MaskwrightError for fewer pictures than components, or equal ones."""
        rows = torch.cat([batch.flatten(1).cpu().float() for batch in batches])  # (n, S)
        if len(rows) <= self.count:
            raise MaskwrightError(
                f"{self.count} principal components need more pictures than that; there are"
                f" {len(rows)}."
            )
        mean = rows.mean(0)
        rows = rows - mean
        total = rows.square().sum()
        if float(total) == 0:
            raise MaskwrightError("These pictures are all alike, so no component has a variance.")
        directions = principal_directions(rows, self.count, self.seed)  # (count, S)
        variance_along = (rows @ directions.T).square().sum(0)
        known = variance_along / total
        self.mean.copy_(mean.view_as(self.mean))
        self.directions.copy_(directions)
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


def principal_directions(rows: Tensor, count: int, seed: int) -> Tensor:
    """(count, S) orthonormal directions of largest variance of (n, S) rows of mean 0.

    A direction points where its largest weight is positive, so that it does not depend on chance.
    The randomized method is that of Halko et al. (2011).
    """
    num_rows, num_values = rows.shape
    if num_values <= min(num_rows, _EXACT_SIDE):
        _, vectors = torch.linalg.eigh(rows.T @ rows)  # (S, S), the smallest variance first
        found = vectors.flip(1)[:, :count].T
    elif num_rows <= _EXACT_SIDE:
        found = torch.linalg.svd(rows, full_matrices=False).Vh[:count]
    else:
        # torch draws from its global generator here, which belongs to the training.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            wanted = min(count + _EXTRA, num_values)
            found = torch.svd_lowrank(rows, q=wanted, niter=_ITERATIONS)[2].T[:count]
    largest = found.gather(1, found.abs().argmax(1, keepdim=True))
    return found * largest.sign()
