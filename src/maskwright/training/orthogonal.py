"""The nearest orthogonal matrices of many at once, by the Newton-Schulz iteration of Muon."""

from __future__ import annotations

import torch
from torch import Tensor

# Coefficients of Jordan et al. (2024), as in torch.optim.Muon: they lift small singular values
# fastest and leave all of them between about 0.7 and 1.2 after five steps, which trains as well as
# exactly 1.
LINEAR, CUBIC, QUINTIC = 3.4445, -4.7750, 2.0315
STEPS = 5
LEAST_NORM = 1e-7


def orthogonalize(matrices_Krc: Tensor) -> Tensor:
    """Bring the singular values of (K, r, c) matrices, r <= c, near 1.

    Singular vectors stay, and it computes in the type given. A batched product serves all K
    matrices: walking them one by one costs several times as much at these sizes (docs/log.md).
    """
    # Frobenius norm 1 makes all singular values at most 1, where the iteration converges.
    norm_K11 = matrices_Krc.norm(dim=(1, 2), keepdim=True).clamp_min(LEAST_NORM)
    scaled_Krc = matrices_Krc / norm_K11
    for _ in range(STEPS):
        # X <- a X + (b G + c G G) X with G = X X^T, the product over the shorter side.
        gram_Krr = torch.bmm(scaled_Krc, scaled_Krc.transpose(1, 2))
        poly_Krr = torch.baddbmm(gram_Krr, gram_Krr, gram_Krr, beta=CUBIC, alpha=QUINTIC)
        scaled_Krc = torch.baddbmm(scaled_Krc, poly_Krr, scaled_Krc, beta=LINEAR)
    return scaled_Krc
