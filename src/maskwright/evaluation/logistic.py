"""Logistic regression fitted for many penalties at once: one matrix product serves them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_LOGITS_AT_ONCE = 40_000_000


@dataclass(frozen=True)
class LogisticModels:
    """One linear classifier per penalty: weight (L, D, K) and bias (L, K)."""

    weight: Tensor
    bias: Tensor

    def scores(self, values: Tensor) -> Tensor:
        """Class scores (L, n, K) of (n, D) features: log-odds up to a constant per image."""
        return torch.einsum("nd,ldk->lnk", values, self.weight) + self.bias[:, None]


def fit_logistic(
    values: Tensor,
    classes: Tensor,
    num_classes: int,
    penalties: Sequence[float],
    iterations: int = 60,
) -> LogisticModels:
    """Minimize mean cross-entropy + penalty / 2 * squared weights for every penalty; the bias is
    free.

    values: (n, D) standardized features.
    classes: (n,) int64 in [0, num_classes).
    penalties: positive. Deterministic. The features are rotated to their principal axes and each
        axis is scaled by a bound on the curvature there (half its variance plus the penalty;
        Boehning 1992), so that L-BFGS sees a round bowl whatever the features are.
    """
    spread = (values.T @ values / len(values)).double()
    variance, axes = torch.linalg.eigh(spread)
    rotated = values @ axes.float()
    together = max(1, _LOGITS_AT_ONCE // (len(values) * num_classes))
    parts = []
    for group in torch.tensor(penalties, dtype=torch.float32, device=values.device).split(together):
        scale = (0.5 * variance.clamp_min(0).float() + group[:, None]).rsqrt()
        parts.append(_descend(rotated, classes, num_classes, group, scale, iterations))
    weight = torch.cat([part.weight for part in parts])
    return LogisticModels(
        torch.einsum("de,lek->ldk", axes.float(), weight), torch.cat([part.bias for part in parts])
    )


def _descend(
    rotated: Tensor,
    classes: Tensor,
    num_classes: int,
    penalties: Tensor,
    scale: Tensor,
    iterations: int,
) -> LogisticModels:
    """Run L-BFGS on the sum of the objectives of all penalties, whose parameters do not meet, from
    zero.
    """
    count, width = len(penalties), rotated.shape[1]
    round_weight = torch.zeros(count, width, num_classes, device=rotated.device, requires_grad=True)
    bias = torch.zeros(count, num_classes, device=rotated.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [round_weight, bias],
        max_iter=iterations,
        history_size=20,
        tolerance_grad=1e-5,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )
    targets = classes.repeat_interleave(count)

    def closure() -> Tensor:
        optimizer.zero_grad()
        weight = scale[:, :, None] * round_weight
        logits = rotated @ weight.permute(1, 0, 2).reshape(width, -1) + bias.reshape(-1)
        entropy = F.cross_entropy(logits.view(-1, num_classes), targets, reduction="sum") / len(
            rotated
        )
        loss = entropy + (penalties[:, None, None] / 2 * weight.square()).sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return LogisticModels(scale[:, :, None] * round_weight.detach(), bias.detach())
