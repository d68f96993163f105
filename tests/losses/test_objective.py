"""The objective adds weighted terms, follows schedules and keeps each term's own value."""

import pytest
import torch

from maskwright.losses.objective import build_objective
from maskwright.losses.term import Needs
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.prediction import Prediction
from maskwright.support.errors import MaskwrightError
from maskwright.targets.building import read_target


def off_by(error):
    ids = torch.arange(4).expand(1, -1)
    mask = PatchMask(ids[:, :1], ids[:, 1:], ids[:, 1:])
    values = torch.full((1, 3, 4), float(error), requires_grad=True)
    return Prediction(
        values=values,
        mask=mask,
        patches=torch.zeros(1, 4, 4),
        grid=Grid(2, 2, 2),
        target=read_target("raw"),
        latent=torch.zeros(1, 2, 4),
    )


IMAGES = torch.zeros(1, 1, 4, 4)


def test_the_total_is_the_weighted_sum_and_terms_stay_unweighted():
    value = build_objective("0.6*mse + 0.4*l1")(off_by(3), IMAGES)
    assert value.total.item() == pytest.approx(0.6 * 9 + 0.4 * 3)
    assert {name: term.item() for name, term in value.terms.items()} == {"mse": 9.0, "l1": 3.0}


def test_weights_follow_their_schedules_to_exact_ends():
    objective = build_objective("1->0*mse + 0->1*l1")
    assert [
        objective(off_by(3), IMAGES, progress).total.item() for progress in (0.0, 0.5, 1.0)
    ] == [9.0, 6.0, 3.0]


def test_recorded_terms_hold_no_graph_but_the_total_does():
    value = build_objective("mse")(off_by(3), IMAGES)
    assert value.total.requires_grad
    assert not value.terms["mse"].requires_grad


def test_a_mapping_builds_the_same_term_as_a_line():
    assert build_objective({"name": "smooth_l1", "beta": 0.5}) == build_objective(
        "smooth_l1(beta=0.5)"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mes", "Did you mean 'mse'"),
        ("smooth_l1(bta=1)", "Did you mean 'beta'"),
        ("mse + mse", "different terms"),
    ],
)
def test_what_cannot_be_built_is_refused_with_a_hint(line, message):
    with pytest.raises(MaskwrightError, match=message):
        build_objective(line)


def test_a_moving_weight_is_on_record_and_a_still_one_is_not():
    value = build_objective("0.5*mse + 1->0*l1")(off_by(3), IMAGES, 0.25)
    assert value.weights == {"l1": 0.75}
    assert {name: number.item() for name, number in value.columns("loss").items()} == {
        "loss": 0.5 * 9 + 0.75 * 3,
        "loss_mse": 9.0,
        "loss_l1": 3.0,
    }
    assert list(build_objective("mse")(off_by(3), IMAGES).columns("val_loss")) == ["val_loss"]


def test_an_objective_needs_what_its_terms_need():
    needs = build_objective(
        "mse(weight='foreground') + l1(visible=0.1) + uniformity(of='class')"
    ).needs
    assert needs == Needs(
        visible=True, priors=frozenset({"foreground"}), class_token=True, pairs=True
    )
    assert build_objective("mse + laplacian").needs == Needs(picture=True)


def test_one_term_may_stand_twice_with_different_options():
    value = build_objective("mse + 0.5*mse(visible=0)")(off_by(3), IMAGES)
    assert set(value.terms) == {"mse", "mse(visible=0)"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "mse + -0.1*laplacian",
            r"weight of loss 'laplacian' is a finite number of at least 0 at all times; got -0.1",
        ),
        ("mse + 0.1->-0.1*laplacian", "got -0.1"),
        ("mse + 1e400*l1", "'l1' is a finite number"),
        ("0*mse + 0*l1", r"nothing is minimized: 0\*mse \+ 0\*l1"),
        ("mse * 0.5", "every weight before its name"),
        ("mse(weight=3)", "got 3"),
        ("smooth_l1(beta='x')", "needs beta .* to be a number"),
    ],
)
def test_weights_and_options_that_make_no_sense_are_refused(line, message):
    with pytest.raises(MaskwrightError, match=message):
        build_objective(line)


def test_a_weight_of_zero_beside_another_term_is_an_arm_like_any_other():
    assert build_objective("mse + 0*l1")(off_by(3), IMAGES).total.item() == 9.0
