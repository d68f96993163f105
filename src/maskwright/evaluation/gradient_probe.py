"""A linear head trained by gradient descent behind a batch norm, as published recipes do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from maskwright.evaluation.features import Labeled
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.support.seeding import torch_generator

Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]


class NormalizedLinear(nn.Module):
    """Batch norm without affine, then a linear layer (He et al. 2022, appendix A.1).

    (B, D) features to (B, K) class scores.
    """

    def __init__(self, width: int, num_classes: int, rng: torch.Generator) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width, affine=False, eps=1e-6)
        # Weights come from a stream of their own, so no draw from the global one is made.
        self.linear = nn.utils.skip_init(nn.Linear, width, num_classes)
        nn.init.trunc_normal_(self.linear.weight, std=0.01, generator=rng)
        nn.init.zeros_(self.linear.bias)

    def forward(self, values: Tensor) -> Tensor:
        return self.linear(self.norm(values))


@dataclass(frozen=True)
class Rate:
    """A learning rate that rises to a peak, then falls along half a cosine to 0.

    peak: the largest rate.
    warmup: the share of all steps in which it rises.
    """

    peak: float
    warmup: float = 0.0

    def at(self, progress: float) -> float:
        """The rate at a progress in [0, 1]."""
        if progress < self.warmup:
            return self.peak * progress / self.warmup
        fallen = (progress - self.warmup) / (1 - self.warmup)
        return self.peak * 0.5 * (1 + math.cos(math.pi * fallen))


def descend(
    head: nn.Module, optimizer: Optimizer, batches: Batches, rate: Rate, epochs: int, steps: int
) -> None:
    """Train a head with cross-entropy.

    batches: epoch -> pairs of inputs and class numbers.
    steps: how many pairs an epoch has.
    """
    head.train()
    done = 0
    for epoch in range(epochs):
        for values, classes in batches(epoch):
            # The rate follows every step, not every epoch.
            for group in optimizer.param_groups:
                group["lr"] = rate.at(done / (epochs * steps))
            optimizer.zero_grad()
            F.cross_entropy(head(values), classes).backward()
            optimizer.step()
            done += 1


def shuffled(features: Labeled, batch_size: int, seed: int) -> Batches:
    """Full batches of cached features, whose labels are class numbers, in random order."""

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        # Drawn on the CPU, so that the order is the same on every device.
        rng = torch_generator(seed, "order", epoch)
        order = torch.randperm(len(features), generator=rng).to(features.values.device)
        # The last images, too few for a batch, have their turn in another epoch.
        num_used = len(order) // batch_size * batch_size
        for rows in order[:num_used].split(batch_size):
            yield features.values[rows], features.labels[rows]

    return batches


def score(head: nn.Module, values: Tensor, chunk: int = 4096) -> Tensor:
    """Class scores (n, K) on the CPU of a trained head, in evaluation mode."""
    with evaluation_mode(head, values.device):
        return torch.cat([head(part).float().cpu() for part in values.split(chunk)])
