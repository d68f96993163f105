"""Pixel terms have the values that can be worked out by hand."""

from dataclasses import replace

import pytest
import torch
from tests.losses import predictions

from maskwright.losses.objective import build_objective
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.prediction import Prediction
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.targets.building import read_target

GRID = Grid(2, 3, 2)


def draw(target="raw", values=None):
    patches = torch.randn(2, 6, 12, generator=torch_generator(0))
    ids = torch.arange(6).expand(2, -1)
    mask = PatchMask(ids[:, :2], ids[:, 2:], ids[:, 2:5])
    values = torch.zeros(2, 3, 12) if values is None else values
    return Prediction(
        values=values,
        mask=mask,
        patches=patches,
        grid=GRID,
        target=read_target(target),
        latent=torch.zeros(2, 3, 4),
    )


def measure(term, prediction):
    return build_objective(term)(prediction, torch.zeros(2, 3, 4, 6)).total


def test_predicting_zero_for_normalized_patches_costs_p_minus_one_over_p():
    assert measure("mse", draw("normalized")).item() == pytest.approx(11 / 12, rel=1e-5)


def test_the_target_itself_costs_nothing():
    truth = draw().targets()
    assert all(measure(term, draw(values=truth)).item() == 0 for term in ("mse", "l1", "smooth_l1"))


@pytest.mark.parametrize(
    ("term", "cost"), [("mse", 4.0), ("l1", 2.0), ("smooth_l1", 1.5), ("smooth_l1(beta=4)", 0.5)]
)
def test_a_constant_error_of_two_costs_what_the_formula_says(term, cost):
    assert measure(term, draw(values=draw().targets() + 2)).item() == pytest.approx(cost, rel=1e-5)


def test_patches_that_are_masked_but_not_predicted_do_not_count():
    prediction = draw()
    before = measure("mse", prediction)
    prediction.patches[:, 5] = 100.0
    assert torch.equal(before, measure("mse", prediction))


def test_the_loss_is_float32_when_predictions_are_bfloat16():
    assert (
        measure("mse", draw(values=torch.zeros(2, 3, 12, dtype=torch.bfloat16))).dtype
        == torch.float32
    )


@pytest.mark.parametrize("target", ["raw", "normalized"])
@pytest.mark.parametrize("term", ["mse", "l1", "smooth_l1(beta=0.3)"])
def test_the_gradient_of_a_term_agrees_with_finite_differences(term, target):
    values = torch.randn(2, 3, 12, generator=torch_generator(1), requires_grad=True)
    measure(term, draw(target, values)).backward()
    step = torch.randn(2, 3, 12, generator=torch_generator(2))
    up, down = (
        measure(term, draw(target, values.detach() + sign * 1e-2 * step)).double()
        for sign in (1, -1)
    )
    assert ((up - down) / 2e-2).item() == pytest.approx(
        (values.grad * step).sum().item(), rel=0.02, abs=2e-3
    )


def test_smooth_l1_without_a_knee_is_refused():
    with pytest.raises(MaskwrightError, match="l1 is its limit at 0"):
        build_objective("smooth_l1(beta=0)")


def test_visible_patches_add_their_own_mean_times_the_weight():
    prediction = predictions.draw("normalized")
    hidden = predictions.measure("mse", prediction)
    seen = (prediction.visible_values - prediction.seen_targets()).square().mean()
    assert predictions.measure("mse(visible=0.25)", prediction).item() == pytest.approx(
        (hidden + 0.25 * seen).item()
    )


def test_a_map_moves_attention_between_patches_of_an_image():
    """Errors of 1 and 3 under map values 1 and 0: weights 1 and floor, made to average 1."""
    ids = torch.arange(3)[None]
    mask = PatchMask(ids[:, :1], ids[:, 1:], ids[:, 1:])
    values = torch.tensor([[[1.0] * 4, [3.0] * 4]])
    maps = {"foreground": torch.tensor([[0.5, 1.0, 0.0]])}
    prediction = Prediction(
        values,
        mask,
        torch.zeros(1, 3, 4),
        Grid(1, 3, 2),
        read_target("raw"),
        torch.zeros(1, 2, 2),
        priors=maps,
    )
    cost = measure("l1(weight='foreground', floor=0.25)", prediction).item()
    assert cost == pytest.approx((1 * 1 + 0.25 * 3) / 1.25)


def test_a_map_without_differences_changes_nothing():
    prediction = predictions.draw()
    for level in (0.0, 0.3, 1.0):
        flat = replace(prediction, priors={"foreground": torch.full((3, 12), level)})
        assert predictions.measure("mse(weight='foreground')", flat).item() == pytest.approx(
            predictions.measure("mse", prediction).item()
        )


def test_a_missing_map_is_named_with_those_that_exist():
    with pytest.raises(
        MaskwrightError, match="needs a 'faces' map for each picture; the data has foreground"
    ):
        predictions.measure("mse(weight='faces')", predictions.draw())


def test_visible_patches_that_were_not_predicted_are_an_error():
    with pytest.raises(MaskwrightError, match="visible=True"):
        measure("mse(visible=1)", draw())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mse(visible=-1)", "at least 0"),
        ("l1(floor=0)", "floor"),
        ("mse(weight=2)", "name of a map"),
        ("mse(wieght='a')", "'weight'"),
    ],
)
def test_options_out_of_range_are_refused(line, message):
    with pytest.raises(MaskwrightError, match=message):
        build_objective(line)


def test_visible_patches_count_by_their_distance_to_what_is_hidden():
    drawn = draw()
    prediction = replace(drawn, visible_values=torch.zeros(2, 2, 12))
    squares = drawn.patches.square().mean(2)  # (B, N)
    # on a 2 x 3 grid ids 0 and 1 are visible: 3 and 2 and 4 are their nearest hidden ones
    hidden = squares[:, 2:5].mean()
    value = measure("mse(visible=0.5, by_distance=True)", prediction)
    assert value.item() == pytest.approx(float(hidden + 0.5 * squares[:, :2].mean()), rel=1e-5)


def test_a_far_visible_patch_counts_less():
    grid = Grid(1, 5, 2)
    ids = torch.arange(5)[None]
    mask = PatchMask(ids[:, :4], ids[:, 4:], ids[:, 4:])
    patches = torch.randn(1, 5, 12, generator=torch_generator(0))
    prediction = Prediction(
        values=patches[:, 4:],
        mask=mask,
        patches=patches,
        grid=grid,
        target="raw",
        latent=torch.zeros(1, 5, 4),
        visible_values=torch.zeros(1, 4, 12),
    )
    value = build_objective("mse(visible=1, by_distance=True)")(
        prediction, torch.zeros(1, 3, 2, 10)
    ).total
    distances = torch.tensor([4.0, 3.0, 2.0, 1.0])
    expected = (patches[0, :4].square().mean(1) / distances.sqrt()).mean()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("mse(by_distance=True)", "gives them no weight; write mse\\(visible=0.5"),
        ("l1(visible=1, weight='foreground', by_distance=True)", "not by both"),
        ("mse(visible=1, by_distance=2)", "by_distance"),
    ],
)
def test_weighting_by_distance_needs_visible_patches_and_no_map(term, message):
    with pytest.raises(MaskwrightError, match=message):
        build_objective(term)
