"""The objective adds weighted terms, follows schedules and keeps each term's own value."""

import pytest
import torch

from maskwright.losses.objective import build_objective
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.prediction import Prediction
from maskwright.support.errors import MaskwrightError


def off_by(error):
    ids = torch.arange(4).expand(1, -1)
    mask = PatchMask(ids[:, :1], ids[:, 1:], ids[:, 1:])
    values = torch.full((1, 3, 4), float(error), requires_grad=True)
    return Prediction(values=values, mask=mask, patches=torch.zeros(1, 4, 4), grid=Grid(2, 2, 2), target="raw", latent=torch.zeros(1, 2, 4))


IMAGES = torch.zeros(1, 1, 4, 4)


def test_the_total_is_the_weighted_sum_and_terms_stay_unweighted():
    value = build_objective("0.6*mse + 0.4*l1")(off_by(3), IMAGES)
    assert value.total.item() == pytest.approx(0.6 * 9 + 0.4 * 3)
    assert {name: term.item() for name, term in value.terms.items()} == {"mse": 9.0, "l1": 3.0}


def test_weights_follow_their_schedules_to_exact_ends():
    objective = build_objective("1->0*mse + 0->1*l1")
    assert [objective(off_by(3), IMAGES, progress).total.item() for progress in (0.0, 0.5, 1.0)] == [9.0, 6.0, 3.0]


def test_recorded_terms_hold_no_graph_but_the_total_does():
    value = build_objective("mse")(off_by(3), IMAGES)
    assert value.total.requires_grad
    assert not value.terms["mse"].requires_grad


def test_a_mapping_builds_the_same_term_as_a_line():
    assert build_objective({"name": "smooth_l1", "beta": 0.5}) == build_objective("smooth_l1(beta=0.5)")


@pytest.mark.parametrize(
    ("line", "message"),
    [("mes", "Did you mean 'mse'"), ("smooth_l1(bta=1)", "Did you mean 'beta'"), ("mse + mse", "different terms")],
)
def test_what_cannot_be_built_is_refused_with_a_hint(line, message):
    with pytest.raises(MaskwrightError, match=message):
        build_objective(line)
