"""The Laplacian term: edges and texture of hidden pixels, compared in the composite.

The composite holds true pixels at visible patches and predicted ones elsewhere. The Laplacian is
linear, so its value on the composite minus that on the true image is its value on their difference,
which is zero at visible patches; one filter pass does both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.losses.term import Needs
from maskwright.patches.mask import take
from maskwright.patches.pixels import patchify
from maskwright.patches.prediction import Prediction
from maskwright.support.checks import check_one_of


@dataclass(frozen=True, kw_only=True)
class LaplacianError:
    """Mean error of the discrete Laplacian over the pixels of predicted patches.

    It is measured in the model's numbers. A pixel beside a visible patch is compared across the
    border, so seams cost; pixels of visible patches do not enter the mean.

    Predictions of normalized patches are put back with the hidden patch's own mean and deviation,
    so that the true patch and only it costs nothing. This is a training signal: pictures shown to
    people use statistics that are found without a look at hidden patches.

    Formula: mean(|D (composite - picture)|), D the discrete Laplacian
    Source: Denton et al. 2015 (Laplacian pyramids) for the idea; the term is this package's.

    compare: l1 (mean absolute) or mse (mean squared).
    neighbors: 4 (sum of differences to the four neighbors) or 8.
    """

    needs: ClassVar[Needs] = Needs(picture=True)
    compare: Literal["l1", "mse"] = "l1"
    neighbors: Literal[4, 8] = 4

    def __post_init__(self) -> None:
        check_one_of("compare", self.compare, ("l1", "mse"), owner="Loss 'laplacian'")
        check_one_of("neighbors", self.neighbors, (4, 8), owner="Loss 'laplacian'")

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        edges = laplacian(prediction.pixel_errors(), self.neighbors)  # (B, C, H, W)
        edges_BNP = patchify(edges, prediction.grid.patch_size)
        hidden_BKP = take(edges_BNP, prediction.mask.predicted_ids)
        return hidden_BKP.abs().mean() if self.compare == "l1" else hidden_BKP.square().mean()


def laplacian(images: Tensor, neighbors: int = 4) -> Tensor:
    """Sum of each pixel's differences to its 4 or 8 neighbors, (B, C, H, W) to the same.

    Border pixels are repeated outwards, so a flat picture has no Laplacian anywhere.
    """
    return _Laplacian.apply(images, neighbors)


class _Laplacian(torch.autograd.Function):
    """The Laplacian with itself as its backward pass.

    It is its own transpose, since two neighbors count the same for each other, at the border too.
    Autograd would go through every slice instead.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, neighbors: int) -> Tensor:
        ctx.neighbors = neighbors
        return _sum_differences(images, neighbors)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        # through `laplacian` itself, so that there is a second derivative, too
        return laplacian(slope, ctx.neighbors), None


def _sum_differences(images: Tensor, neighbors: int) -> Tensor:
    around = F.pad(images, (1, 1, 1, 1), mode="replicate")
    # the rows above, below and beside each pixel, two columns wider than the image
    top = around[..., :-2, :]
    bottom = around[..., 2:, :]
    middle = around[..., 1:-1, :]
    total = top[..., 1:-1] + bottom[..., 1:-1] + middle[..., :-2] + middle[..., 2:]
    # the four corners
    if neighbors == 8:
        total = total + top[..., :-2] + top[..., 2:] + bottom[..., :-2] + bottom[..., 2:]
    return total - neighbors * images
