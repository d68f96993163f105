"""Rollout, representation, positions and geometry answer for encoders of every kind, and say when
they cannot.
"""

from __future__ import annotations

import json

import pytest
import torch

from maskwright.diagnostics.attention import Rollout
from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.diagnostics.mask_table import Geometry
from maskwright.diagnostics.positions import Positions
from maskwright.diagnostics.representation import Representation
from maskwright.support.errors import MaskwrightError
from maskwright.visual.png import to_png_bytes
from tests.diagnostics.subjects import build_subject, material


@pytest.mark.parametrize("how", ["drop", "gray"])
def test_rollout_answers_with_and_without_a_class_token(how):
    question = Rollout(how=how, order="salient-first", pictures=2)
    found = [
        question.measure(build_subject(str(token), class_token=token), material(20))
        for token in (True, False)
    ]
    assert [one.protocol["asks"] for one in found] == [
        "the class token",
        "the mean over patches (no class token)",
    ]
    for one in found:
        assert 0 < one.numbers["evenness"].value <= 1
        assert -1 <= one.numbers["agreement 0.75"].value <= 1
        assert one.tables["stages"]["0"]["agreement"]["value"] == pytest.approx(1)
        assert one.tables["stages"]["0"]["center moved"]["value"] == pytest.approx(0)
        assert "shown" not in json.loads(json.dumps(one.to_dict()))
    assert question.figure(found).shape[2] == 3


def test_raw_pixels_have_no_rollout_to_draw():
    found = Rollout().measure(build_subject(tokens=False), material(4))
    assert found.notes == ("raw pixels have no attention.",)
    with pytest.raises(MaskwrightError, match="no attention to draw"):
        Rollout().figure([found])


def test_representation_reads_every_layer_and_raw_pixels():
    question = Representation(most=30, k=5)
    found = [
        question.measure(subject, material())
        for subject in (build_subject(registers=1), build_subject("raw", tokens=False))
    ]
    assert list(found[0].tables["knn"]) == ["patches", "1", "2", "norm"]
    assert list(found[1].tables["knn"]) == ["norm"]
    assert found[0].protocol["num_train"] == 30
    assert 1 <= found[0].numbers["effective_rank"] <= 16
    assert found[0].numbers["alignment"] > 0 > found[0].numbers["uniformity"]
    assert to_png_bytes(question.figure(found))[:4] == b"\x89PNG"


@pytest.mark.parametrize("decoder", ["full", "cross"])
@pytest.mark.parametrize("positions", ["sincos", "learned", "rotary", "relative", "none"])
def test_only_positions_none_loses_order(positions, decoder):
    found = Positions().measure(build_subject(positions=positions, decoder=decoder), material(24))
    drift, change, spread = (
        found.numbers[name].value for name in ("drift", "prediction change", "prediction spread")
    )
    if positions == "none":
        assert max(drift, change, spread) < 1e-8
        assert found.numbers["accuracy in order"].value == found.numbers["accuracy shuffled"].value
    else:
        # Biases begin as small as tokens do, so that order counts little before any training.
        assert min(drift, change, spread) > (1e-7 if positions == "relative" else 1e-6)


def test_raw_pixels_know_their_places():
    found = Positions().measure(build_subject(tokens=False), material(24))
    assert found.numbers["drift"].value > 0.01
    assert "prediction change" not in found.numbers


def test_geometry_orders_policies_and_leaves_out_what_does_not_fit():
    question = Geometry(draws=50)
    found = question.measure_once(build_subject(), material())
    names = [one.subject for one in found]
    assert names.index("grid") < names.index("block(size=2)") < names.index("inverse_block")
    small = Geometry(draws=5).measure_once(build_subject(), material(4))
    assert {one.subject for one in small} == set(names)
    assert to_png_bytes(question.figure(found))[:4] == b"\x89PNG"
    json.dumps([one.to_dict() for one in found])


def test_a_named_policy_that_does_not_fit_or_looks_is_refused():
    with pytest.raises(MaskwrightError, match="largest size"):
        Geometry(policies=["block(size=6)"]).measure_once(build_subject(), material(4))
    with pytest.raises(MaskwrightError, match="looks at"):
        Geometry(policies=["guided"]).measure_once(build_subject(), material(4))


def test_options_are_read_from_a_line():
    built = build_diagnostics(
        "occlusion(how=gray, orders=[random, salient-first, block(size=4)]), rollout(heads=max),"
        " geometry"
    )
    assert list(built) == ["occlusion", "rollout", "geometry"]
    question = built["occlusion"]
    assert question.how == "gray"
    found = question.measure(build_subject(), material(8))
    assert list(found.tables["curves"]) == ["random", "salient-first", "block(size=4)"]
    assert torch.tensor(found.tables["curves"]["random"]["ratios"]).diff().min() > 0
