"""Large linear systems solved step by step, many at once."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

# What has arrived has nothing left to divide.
_TINY = 1e-20


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor], right: Tensor, diagonal: Tensor, steps: int
) -> Tensor:
    """Solve A x = right for each row (B, ...) by itself, from x = 0.

    apply: x -> A x, of a symmetric positive definite A for each row.
    diagonal: (B, ...) that of A, which makes the steps longer (Jacobi's preconditioner).
    steps: always as many, so that no device is waited for.

    Source: Hestenes and Stiefel 1952.
    """
    found = right.new_zeros(right.shape)
    residual = right
    direction = residual / diagonal
    left = _dot(residual, direction)
    for _ in range(steps):
        applied = apply(direction)
        length = left / _dot(direction, applied).clamp_min(_TINY)
        found = found + length * direction
        residual = residual - length * applied

        scaled = residual / diagonal
        before = left
        left = _dot(residual, scaled)
        direction = scaled + left / before.clamp_min(_TINY) * direction
    return found


def _dot(left: Tensor, right: Tensor) -> Tensor:
    """(B, 1, ...): of each row by itself."""
    products = left * right
    return products.sum(tuple(range(1, products.ndim)), keepdim=True)
