"""Logistic regression fitted for many penalties at once: one matrix product serves them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# 160 MB of float32; more penalties than fit are fitted in turn.
_LOGITS_AT_ONCE = 40_000_000


@dataclass(frozen=True)
class LogisticModels:
    """One linear classifier for each of L penalties.

    weight: (L, D, K).
    bias: (L, K).
    """

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
    """Minimize mean cross-entropy + penalty / 2 * squared weights for every penalty.

    values: (n, D) standardized features.
    classes: (n,) int64 in [0, num_classes), or (n, num_classes) float shares of each class, whose
        sum is the weight of the row.
    num_classes: columns of the classifiers.
    penalties: positive; the bias has none.
    iterations: of L-BFGS.

    Deterministic. The features are rotated to their principal axes and each axis is scaled by a
    bound on the curvature there (half its variance plus the penalty; Boehning 1992), so that L-BFGS
    sees a round bowl whatever the features are.
    """
    variance, axes = _principal_axes(values)
    rotated = values @ axes.float()
    together = max(1, _LOGITS_AT_ONCE // (len(values) * num_classes))
    all_penalties = torch.tensor(penalties, dtype=torch.float32, device=values.device)
    parts = []
    for group in all_penalties.split(together):
        # (L, D): one step size for each axis under each penalty
        curvature = 0.5 * variance.clamp_min(0).float() + group[:, None]
        scale = curvature.rsqrt()
        parts.append(_descend(rotated, classes, num_classes, group, scale, iterations))
    weight = torch.cat([part.weight for part in parts])
    bias = torch.cat([part.bias for part in parts])
    # Back from the principal axes to the features as they came.
    return LogisticModels(torch.einsum("de,lek->ldk", axes.float(), weight), bias)


def _principal_axes(values: Tensor) -> tuple[Tensor, Tensor]:
    """Variances (R,) and axes (D, R) in float64, R the smaller of images and features.

    With fewer images than features, weights beyond what the images span meet no image, and the
    penalty keeps them at zero: they are left out.
    """
    count, width = values.shape
    if count >= width:
        # (D, D) is small, whatever the number of images.
        spread = (values.T @ values / count).double()
        variance, axes = torch.linalg.eigh(spread)
        return variance, axes
    # For 1,574 images of 3,072 features a quarter of the time of (D, D).
    basis, inside = torch.linalg.qr(values.double().T)  # (D, n) and (n, n)
    variance, turned = torch.linalg.eigh(inside @ inside.T / count)
    return variance, basis @ turned


def _descend(
    rotated: Tensor,
    classes: Tensor,
    num_classes: int,
    penalties: Tensor,
    scale: Tensor,
    iterations: int,
) -> LogisticModels:
    """Run L-BFGS from zero on the sum of the objectives, whose parameters do not meet."""
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
    # (n, ...) -> (n * L, ...), in the order in which the logits below are laid out
    targets = classes.repeat_interleave(count, dim=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        weight = scale[:, :, None] * round_weight
        # (n, D) @ (D, L * K) -> (n, L * K): all penalties in one product
        columns = weight.permute(1, 0, 2).reshape(width, -1)
        logits = rotated @ columns + bias.reshape(-1)
        rows = logits.view(-1, num_classes)
        entropy = F.cross_entropy(rows, targets, reduction="sum") / len(rotated)
        shrinking = penalties[:, None, None] / 2 * weight.square()  # (L, D, K)
        loss = entropy + shrinking.sum()
        loss.backward()
        return loss

    # Probes are often fitted inside a block without gradients.
    with torch.enable_grad():
        optimizer.step(closure)
    return LogisticModels(scale[:, :, None] * round_weight.detach(), bias.detach())
