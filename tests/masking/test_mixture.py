"""Mixtures pick, blends add rankings, complements swap."""

from __future__ import annotations

import pytest
import torch

from maskwright.masking.block import BlockPolicy
from maskwright.masking.catalog import build_policy
from maskwright.masking.given import GivenPolicy
from maskwright.masking.mixture import BlendPolicy, MixturePolicy
from maskwright.masking.policy import check_fits
from maskwright.masking.rectangles import InverseBlockPolicy
from maskwright.masking.uniform import RandomPolicy
from maskwright.masking.wrappers import ComplementPolicy
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError

TOP = GivenPolicy(masks=torch.tensor([[1, 1], [0, 0]], dtype=torch.bool))
BOTTOM = GivenPolicy(masks=torch.tensor([[0, 0], [1, 1]], dtype=torch.bool))


def test_a_mixture_picks_in_proportion_to_its_weights(draw) -> None:
    masks = draw(MixturePolicy(parts=[TOP, BOTTOM], weights=[1, 3]), Grid(2, 2), 2, draws=4000)
    assert float(masks[:, 0].float().mean()) == pytest.approx(0.25, abs=0.02)


def test_each_image_of_a_mixture_follows_one_part_only(draw) -> None:
    masks = draw(MixturePolicy(parts=[TOP, BOTTOM]), Grid(2, 2), 2)
    assert torch.equal(masks[:, :, 0], masks[:, :, 1])


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_the_weights_of_a_mixture_follow_their_schedules(draw, progress, share) -> None:
    policy = MixturePolicy(parts=[TOP, BOTTOM], weights=["0->1", "1->0"])
    assert float(
        draw(policy, Grid(2, 2), 2, draws=2000, progress=progress)[:, 0].float().mean()
    ) == pytest.approx(share, abs=0.04)


def test_a_blend_with_all_its_weight_on_one_part_is_that_part(draw) -> None:
    masks = draw(BlendPolicy(parts=[TOP, RandomPolicy()], weights=[1, 0]), Grid(2, 2), 2)
    assert bool(masks[:, 0].all())


def test_a_blend_lies_between_its_parts(draw) -> None:
    shares = [
        float(
            draw(BlendPolicy(parts=[TOP, RandomPolicy()], weights=[w, 1]), Grid(2, 2), 2, 2000)[
                :, 0
            ]
            .float()
            .mean()
        )
        for w in (0, 0.6, 5)
    ]
    assert shares[0] == pytest.approx(0.5, abs=0.03)
    assert shares[0] + 0.05 < shares[1] < shares[2] - 0.05


def test_a_blend_does_not_depend_on_the_scale_of_a_part(draw) -> None:
    small, large = (
        GivenPolicy(masks=scale * torch.arange(16.0).reshape(4, 4)) for scale in (1.0, 1000.0)
    )
    masks = [
        draw(BlendPolicy(parts=[part, RandomPolicy()]), Grid(4, 4), 8) for part in (small, large)
    ]
    assert torch.equal(*masks)


def test_a_complement_masks_what_its_policy_leaves_visible(draw) -> None:
    masks = draw(ComplementPolicy(of=BlockPolicy(size=2)), Grid(8, 8), 16)
    cells = masks.reshape(-1, 4, 2, 4, 2).float().mean((2, 4))
    assert set(cells.unique().tolist()) == {0.0, 1.0}


def test_a_complement_asks_its_policy_for_the_other_count(draw) -> None:
    masks = draw(ComplementPolicy(of=InverseBlockPolicy(roll=False)), Grid(8, 8), 16)
    rows, cols = masks.any(2).sum(1), masks.any(1).sum(1)
    assert int((rows * cols).max()) < 16 + 8  # one masked rectangle


def test_a_mixture_promises_what_all_its_parts_promise() -> None:
    traits = build_policy("random + inverse_block(roll=False)").traits
    assert (traits.uniform, traits.nested) == (False, False)
    assert build_policy("random + block").traits.uniform


def test_a_mixture_checks_its_parts_against_the_grid() -> None:
    with pytest.raises(MaskwrightError, match="largest size"):
        check_fits(build_policy("random + block(size=9)"), Grid(8, 8), 48)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"parts": [TOP]}, "two or more policies"),
        ({"parts": "random"}, "two or more policies"),
        ({"parts": [TOP, BOTTOM], "weights": [1]}, "one weight per part"),
        ({"parts": [TOP, BOTTOM], "weights": [1, -1]}, "must not be negative"),
        ({"parts": [TOP, BOTTOM], "weights": ["1->0", "1->0"]}, "all zero; at progress 1"),
    ],
)
def test_a_senseless_mixture_is_refused(options, fragment) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        MixturePolicy(**options)
