"""Scorers give one score per patch on any grid, from weights that a generator draws."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from maskwright.models.scorer import CnnScorer, Scorer, keep_logit
from maskwright.patches import Grid
from maskwright.support.errors import MaskwrightError

KINDS = (Scorer, CnnScorer)


@pytest.mark.parametrize("build", KINDS)
@pytest.mark.parametrize(("rows", "cols", "values"), [(4, 4, 12), (7, 9, 16), (1, 5, 3)])
def test_one_finite_score_per_patch_on_any_grid(
    build: Callable[..., nn.Module], rows: int, cols: int, values: int
) -> None:
    scorer = build(Grid(rows, cols), values, width=16)
    score = scorer(torch.randn(3, rows * cols, values, generator=torch.Generator().manual_seed(0)))
    assert score.shape == (3, rows * cols)
    assert torch.isfinite(score).all()
    assert score.std() > 0


@pytest.mark.parametrize("build", KINDS)
def test_weights_come_from_the_generator_alone(build: Callable[..., nn.Module]) -> None:
    before = torch.get_rng_state()
    drawn = [
        build(Grid(4, 4), 12, width=16, rng=torch.Generator().manual_seed(seed)).state_dict()
        for seed in (0, 0, 1)
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(drawn[0][name], drawn[1][name]) for name in drawn[0])
    assert not all(torch.equal(drawn[0][name], drawn[2][name]) for name in drawn[0])


@pytest.mark.parametrize("build", KINDS)
def test_every_weight_gets_a_gradient(build: Callable[..., nn.Module]) -> None:
    scorer = build(Grid(4, 4), 12, width=16)
    scorer(
        torch.randn(2, 16, 12, generator=torch.Generator().manual_seed(0))
    ).square().sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0
        for parameter in scorer.parameters()
    )


def test_trained_weights_fit_another_grid() -> None:
    for build in KINDS:
        small, large = build(Grid(4, 4), 12, width=16), build(Grid(6, 5), 12, width=16)
        report = large.load_state_dict(small.state_dict())
        assert (report.missing_keys, report.unexpected_keys) == ([], [])
        assert all(
            torch.equal(large.state_dict()[name], value)
            for name, value in small.state_dict().items()
        )
        assert large(torch.zeros(2, 30, 12)).shape == (2, 30)


def test_a_convolutional_score_depends_on_near_patches_alone() -> None:
    scorer = CnnScorer(Grid(1, 9), 3, width=8, depth=2)
    patches = torch.randn(1, 9, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for block in scorer.blocks:
        block.norm = nn.Identity()  # the norm looks at the whole map
    scorer(patches)[0, 0].backward()
    assert patches.grad is not None
    reached = patches.grad[0].abs().sum(1) > 0
    assert reached.tolist() == [True] * 3 + [False] * 6


def test_the_transformer_sees_every_patch_and_where_it_is() -> None:
    scorer = Scorer(Grid(3, 3), 3, width=16)
    same = torch.ones(1, 9, 3).requires_grad_()
    score = scorer(same)
    assert len(score.unique()) == 9
    score[0, 0].backward()
    assert same.grad is not None
    assert (same.grad[0].abs().sum(1) > 0).all()


def test_the_size_of_seed_2_is_about_a_million_weights() -> None:
    assert (
        0.8e6
        < sum(parameter.numel() for parameter in Scorer(Grid(16, 16), 12).parameters())
        < 1.1e6
    )


def test_keeping_is_the_opposite_of_masking() -> None:
    score = torch.tensor([[3.0, -2.0]])
    assert (keep_logit(score) > 0).tolist() == [[False, True]]


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(MaskwrightError, match="width 10 and 4 heads"):
        Scorer(Grid(2, 2), 3, width=10)
