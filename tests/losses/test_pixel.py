"""Pixel terms have the values that can be worked out by hand."""

import pytest
import torch

from maskwright.losses.objective import build_objective
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.prediction import Prediction
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

GRID = Grid(2, 3, 2)


def draw(target="raw", values=None):
    patches = torch.randn(2, 6, 12, generator=torch_generator(0))
    ids = torch.arange(6).expand(2, -1)
    mask = PatchMask(ids[:, :2], ids[:, 2:], ids[:, 2:5])
    values = torch.zeros(2, 3, 12) if values is None else values
    return Prediction(values=values, mask=mask, patches=patches, grid=GRID, target=target, latent=torch.zeros(2, 3, 4))


def measure(term, prediction):
    return build_objective(term)(prediction, torch.zeros(2, 3, 4, 6)).total


def test_predicting_zero_for_normalized_patches_costs_p_minus_one_over_p():
    assert measure("mse", draw("normalized")).item() == pytest.approx(11 / 12, rel=1e-5)


def test_the_target_itself_costs_nothing():
    truth = draw().targets()
    assert all(measure(term, draw(values=truth)).item() == 0 for term in ("mse", "l1", "smooth_l1"))


@pytest.mark.parametrize(("term", "cost"), [("mse", 4.0), ("l1", 2.0), ("smooth_l1", 1.5), ("smooth_l1(beta=4)", 0.5)])
def test_a_constant_error_of_two_costs_what_the_formula_says(term, cost):
    assert measure(term, draw(values=draw().targets() + 2)).item() == pytest.approx(cost, rel=1e-5)


def test_patches_that_are_masked_but_not_predicted_do_not_count():
    prediction = draw()
    before = measure("mse", prediction)
    prediction.patches[:, 5] = 100.0
    assert torch.equal(before, measure("mse", prediction))


def test_the_loss_is_float32_when_predictions_are_bfloat16():
    assert measure("mse", draw(values=torch.zeros(2, 3, 12, dtype=torch.bfloat16))).dtype == torch.float32


@pytest.mark.parametrize("target", ["raw", "normalized"])
@pytest.mark.parametrize("term", ["mse", "l1", "smooth_l1(beta=0.3)"])
def test_the_gradient_of_a_term_agrees_with_finite_differences(term, target):
    values = torch.randn(2, 3, 12, generator=torch_generator(1), requires_grad=True)
    measure(term, draw(target, values)).backward()
    step = torch.randn(2, 3, 12, generator=torch_generator(2))
    up, down = (measure(term, draw(target, values.detach() + sign * 1e-2 * step)).double() for sign in (1, -1))
    assert ((up - down) / 2e-2).item() == pytest.approx((values.grad * step).sum().item(), rel=0.02, abs=2e-3)


def test_smooth_l1_without_a_knee_is_refused():
    with pytest.raises(MaskwrightError, match="beta > 0"):
        build_objective("smooth_l1(beta=0)")
