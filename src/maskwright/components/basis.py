"""What a basis of pictures is: parts with ids, each with its share of the variance.

Patches are one such basis, and have a room of their own. Here a part is spread over the whole
picture: a direction in which pictures differ, or a band of frequencies. A policy scores the ids of
a basis as it scores patches, on the grid on which they are arranged (Bizeul et al. 2025).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from maskwright.patches.grid import Grid


@dataclass(frozen=True)
class PictureShape:
    """Channels, height and width of pictures."""

    channels: int
    height: int
    width: int

    @property
    def num_values(self) -> int:
        return self.channels * self.height * self.width


@runtime_checkable
class Basis(Protocol):
    """Cuts pictures into parts that are orthogonal, and whose sum is the picture.

    Implementations are modules whose buffers hold what was fitted, so that it is saved and loaded
    with the model.
    """

    @property
    def grid(self) -> Grid:
        """How the ids are arranged, for policies: neighbors on it are neighbors in variance or
        frequency.
        """
        ...

    @property
    def shares(self) -> Tensor:
        """(K,) each part's share of the variance of the fitted pictures; they sum to 1."""
        ...

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit on batches (B, C, H, W) in the model's numbers; they are gone through once."""
        ...

    def part(self, differences: Tensor, chosen: Tensor) -> Tensor:
        """(B, C, H, W): the chosen parts of pictures from which the mean was taken, or of
        differences of pictures.

        chosen: (B, K) booleans. Linear in `differences`; choosing all gives them back.
        """
        ...

    def flops(self) -> int:
        """Operations that one `part` of one picture takes."""
        ...

    @property
    def mean(self) -> Tensor:
        """(C, H, W): the mean picture, which is never hidden."""
        ...


def visible_picture(basis: Basis, images: Tensor, is_hidden: Tensor) -> Tensor:
    """(B, C, H, W): pictures without their hidden parts, the mean picture kept."""
    return basis.mean + basis.part(images - basis.mean, ~is_hidden)


def hidden_error(basis: Basis, predicted: Tensor, images: Tensor, is_hidden: Tensor) -> Tensor:
    """Mean squared error of pictures in their hidden parts alone, one number.

    It is a mean over the values of a picture, so a picture with more hidden weighs more, as in
    Bizeul et al. (2025).
    """
    # parts are orthogonal, so what was visible has no influence
    return basis.part(predicted - images, is_hidden).square().mean()
