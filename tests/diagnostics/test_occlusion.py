"""Patches vanish nested, in the order asked for, and what is lost is judged against clean and
chance.
"""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from maskwright.diagnostics.occlusion import Occlusion
from maskwright.diagnostics.occlusion_curve import judge_occlusion, mean_height
from maskwright.diagnostics.removal import ORDERS, Removal, gray_out
from maskwright.diagnostics.visible import own_attention, visible_features
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.visual.png import to_png_bytes
from tests.diagnostics.subjects import SCALE, build_subject, material, pictures

GRID = Grid(8, 8, 4)
RATIOS = (0.25, 0.5, 0.75)


@pytest.mark.parametrize("order", ORDERS)
def test_a_larger_share_takes_the_same_patches_and_more(order):
    look = torch.rand(5, 64, generator=torch.Generator().manual_seed(0))
    masks = Removal(order, GRID).masks(RATIOS, torch.arange(5), lambda: look)
    assert [mask.num_masked for mask in masks] == [16, 32, 48]
    for less, more in pairwise(masks):
        assert not (less.is_masked & ~more.is_masked).any()


def test_salient_orders_take_the_ends_of_the_map():
    look = torch.arange(64.0).expand(2, -1)
    first, last = (
        Removal(f"salient-{end}", GRID).masks((0.25,), torch.arange(2), lambda: look)[0]
        for end in ("first", "last")
    )
    assert first.masked_ids.tolist() == [list(range(48, 64))] * 2
    assert last.masked_ids.tolist() == [list(range(16))] * 2


def test_a_picture_loses_the_same_patches_in_any_batch():
    removal = Removal("random", GRID)
    alone = removal.masks((0.5,), torch.tensor([7]), lambda: torch.empty(0))[0]
    together = removal.masks((0.5,), torch.arange(10), lambda: torch.empty(0))[0]
    assert torch.equal(alone.masked_ids[0], together.masked_ids[7])


@pytest.mark.parametrize(
    ("order", "fragment"),
    [("randm", "Did you mean 'random'"), ("guided", "no order"), ("inverse_block", "no order")],
)
def test_an_order_that_is_none_is_refused(order, fragment):
    with pytest.raises(MaskwrightError, match=fragment):
        Removal(order, GRID)


def test_gray_covers_masked_patches_alone_in_the_mean_color():
    images = pictures(3).images
    mask = Removal("random", GRID).masks((0.5,), torch.arange(3), lambda: torch.empty(0))[0]
    gray = gray_out(images, mask, GRID, SCALE)
    hidden = mask.is_masked.reshape(3, 8, 8).repeat_interleave(4, 1).repeat_interleave(4, 2)
    assert (gray.permute(0, 2, 3, 1)[hidden] == torch.tensor([128, 102, 153])).all()
    assert torch.equal(gray.permute(0, 2, 3, 1)[~hidden], images.permute(0, 2, 3, 1)[~hidden])


def test_dropped_patches_never_reach_the_encoder():
    subject, images = build_subject(), pictures(3).images
    mask = Removal("salient-first", GRID).masks(
        (0.5,), torch.arange(3), lambda: own_attention(subject, images)
    )[0]
    painted = gray_out(images, mask, GRID, SCALE)
    assert torch.equal(
        visible_features(subject, images, mask).mean, visible_features(subject, painted, mask).mean
    )


def test_area_and_drift_have_their_known_values():
    right = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]).bool()
    drifts = torch.tensor([[0.0] * 4, [0.2] * 4, [1.0] * 4])
    curve = judge_occlusion(right, drifts, (0.0, 0.5, 0.75), chance=0.5)
    assert curve.area.value == pytest.approx((0.5 * (1 + 0.5) / 2 + 0.25 * (0.5 + 0) / 2) / 0.75)
    assert curve.mean_drift.value == pytest.approx((0.5 * 0.1 + 0.25 * 0.6) / 0.75)
    assert mean_height(np.array([[2.0, 2.0, 2.0]]), (0.0, 0.1, 0.9)) == pytest.approx([2.0])


def test_no_area_is_claimed_where_clean_is_at_chance():
    curve = judge_occlusion(
        torch.tensor([[1, 0], [1, 0]]).bool(), torch.zeros(2, 2), (0.0, 0.5), chance=0.5
    )
    assert np.isnan(curve.area.value)
    assert "no meaning" in curve.notes[0]


@pytest.mark.parametrize("how", ["drop", "gray"])
def test_encoders_and_raw_pixels_are_asked_and_drawn_together(how):
    question = Occlusion(ratios=(0.5, 0.9), how=how)
    found = [
        question.measure(one, material())
        for one in (build_subject(class_token=False), build_subject("raw pixels", tokens=False))
    ]
    assert list(found[0].tables["curves"]) == list(ORDERS)
    assert list(found[1].tables["curves"]) == ["random", "block"]
    for one in found:
        assert one.numbers["clean"].value > 0.8
        assert one.numbers["random 0.9"].value <= one.numbers["clean"].value
        assert one.tables["curves"]["random"]["drift"][0]["value"] == pytest.approx(0, abs=1e-6)
        assert one.numbers["drift random"].value > 0
        json.dumps(one.to_dict())
    assert to_png_bytes(question.figure(found))[:4] == b"\x89PNG"


def test_shares_that_fall_are_refused():
    with pytest.raises(MaskwrightError, match="must rise"):
        Occlusion(ratios=(0.5, 0.25)).measure(build_subject(), material())
