"""The uniformity term: embeddings of different images pushed apart on the sphere (Wang and Isola
2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.distributed as distributed
import torch.nn.functional as F
from torch import Tensor

from maskwright.losses.term import Needs
from maskwright.patches.pixels import widen
from maskwright.patches.prediction import Prediction
from maskwright.support.checks import check_number, check_one_of


@dataclass(frozen=True, kw_only=True)
class Uniformity:
    """log of the mean of exp(-t * squared distance) over all pairs of different images: 0 when all
    embeddings are equal, -2 t at the least.

    of: `mean` of the visible patch tokens, or the `class` token; either is scaled to length 1 and
        computed from the encoder's output. In training on several processes the pairs are those of
        the whole batch, and after the usual averaging the gradients are those of one process that
        holds it all. Without gradients (held-out loss) each process answers for its own images. A
        single image has no pairs and gives 0. Two masks of the same picture (masks_per_image) count
        as different images.
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
        with torch.autocast(images.device.type, enabled=False):
            embeddings = F.normalize(widen(prediction.embedding(self.of)), dim=1)
            return log_mean_potential(_of_all_processes(embeddings), self.t)


def log_mean_potential(embeddings_BD: Tensor, t: float) -> Tensor:
    """log mean exp(-t |a - b|**2) over pairs of different rows, which have length 1."""
    count = embeddings_BD.shape[0]
    if count < 2:
        return embeddings_BD.sum() * 0
    squared = 2 - 2 * embeddings_BD @ embeddings_BD.T
    itself = torch.eye(count, dtype=torch.bool, device=embeddings_BD.device)
    return torch.logsumexp(
        (-t * squared).masked_fill(itself, -torch.inf).flatten(), dim=0
    ) - math.log(count * (count - 1))


def _of_all_processes(embeddings: Tensor) -> Tensor:
    """Embeddings of the whole batch in training; its backward adds up what every process asks of
    these rows.

    Only under gradients: held-out loss is measured by the first process alone, and a collective
    call there would wait for ever.
    """
    if not (
        torch.is_grad_enabled() and distributed.is_available() and distributed.is_initialized()
    ):
        return embeddings
    gathered: Tensor = _Gather.apply(embeddings)
    return gathered


class _Gather(torch.autograd.Function):
    """Rows of all processes, in the order of their ranks; the gradient of a row is the sum of what
    every process asks of it.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total.chunk(distributed.get_world_size())[distributed.get_rank()]
