"""The uniformity term: embeddings of different images pushed apart (Wang and Isola 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.losses.term import Needs
from maskwright.patches.pixels import widen
from maskwright.patches.prediction import Prediction
from maskwright.support.checks import check_number, check_one_of


@dataclass(frozen=True, kw_only=True)
class Uniformity:
    """log of the mean of exp(-t * squared distance) over all pairs of different images.

    It is 0 when all embeddings are equal, and -2 t at the least. A single image has no pairs and
    gives 0. Two masks of the same picture (masks_per_image) count as different images.

    In training on several processes the pairs are those of the whole batch, and after the usual
    averaging the gradients are those of one process that holds it all.

    Formula: log mean(exp(-t * |z[a] - z[b]|^2)) over pairs a, b
    Source: Wang and Isola 2020.

    t: how local the repulsion is; larger looks at the nearest images only.
    of: `mean` of the visible patch tokens, or the `class` token; either is scaled to length 1 and
        computed from the encoder's output.
    """

    t: float = 2.0
    of: Literal["mean", "class"] = "mean"

    def __post_init__(self) -> None:
        check_number("t", self.t, 1e-6, owner="Loss 'uniformity'")
        check_one_of("of", self.of, ("mean", "class"), owner="Loss 'uniformity'")

    @property
    def needs(self) -> Needs:
        return Needs(pairs=True, class_token=self.of == "class")

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        # exp of distances needs float32
        with torch.autocast(images.device.type, enabled=False):
            embeddings = F.normalize(widen(prediction.embedding(self.of)), dim=1)
            return log_mean_potential(prediction.join(embeddings), self.t)


def log_mean_potential(embeddings_BD: Tensor, t: float) -> Tensor:
    """log mean exp(-t |a - b|**2) over pairs of different rows, which have length 1."""
    count = embeddings_BD.shape[0]
    if count < 2:
        return embeddings_BD.sum() * 0  # a zero that still has a gradient
    # |a - b|**2 = 2 - 2 a.b for rows of length 1
    squared = 2 - 2 * embeddings_BD @ embeddings_BD.T  # (B, B)
    itself = torch.eye(count, dtype=torch.bool, device=embeddings_BD.device)
    exponents = (-t * squared).masked_fill(itself, -torch.inf)
    return torch.logsumexp(exponents.flatten(), dim=0) - math.log(count * (count - 1))
