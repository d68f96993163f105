"""Conjugate gradients find what a dense solver finds, for each row by itself."""

from __future__ import annotations

import torch

from maskwright.support.conjugate_gradients import conjugate_gradients


def test_it_solves_as_a_dense_solver_does() -> None:
    rng = torch.Generator().manual_seed(0)
    roots = torch.randn(3, 12, 12, generator=rng, dtype=torch.float64)
    systems = roots @ roots.mT + torch.eye(12, dtype=torch.float64)
    right = torch.randn(3, 12, generator=rng, dtype=torch.float64)

    def apply(x: torch.Tensor) -> torch.Tensor:
        return (systems @ x[..., None])[..., 0]

    found = conjugate_gradients(apply, right, systems.diagonal(dim1=1, dim2=2), steps=40)
    assert torch.allclose(found, torch.linalg.solve(systems, right))
    # A row that has nothing to solve stays at 0, and more steps than are needed do no harm.
    right[1] = 0
    again = conjugate_gradients(apply, right, systems.diagonal(dim1=1, dim2=2), steps=400)
    assert torch.equal(again[1], torch.zeros(12, dtype=torch.float64))
    assert torch.allclose(again[2], found[2])
