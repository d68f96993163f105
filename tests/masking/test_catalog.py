"""Lines of text become policies, and mistakes in them become sentences."""

from __future__ import annotations

import pytest
import torch

from maskwright.masking.block import BlockPolicy
from maskwright.masking.catalog import POLICIES, build_policy
from maskwright.masking.given import GivenPolicy
from maskwright.masking.mixture import BlendPolicy, MixturePolicy
from maskwright.masking.policy import Policy
from maskwright.masking.rectangles import RectanglesPolicy
from maskwright.masking.uniform import RandomPolicy
from maskwright.masking.wrappers import ComplementPolicy, MixPolicy
from maskwright.schedules import Constant, Linear
from maskwright.support.errors import MaskwrightError


@pytest.mark.parametrize("value", ["block(size=4)", "block(4)", {"name": "block", "size": 4}])
def test_text_and_mapping_build_the_same_policy(value) -> None:
    assert build_policy(value) == BlockPolicy(size=4)


def test_a_sum_is_a_mixture_with_its_weights() -> None:
    policy = build_policy("0.3*random + 0->1*block(size=4)")
    assert policy == MixturePolicy(
        parts=[RandomPolicy(), BlockPolicy(size=4)], weights=[0.3, "0->1"]
    )
    assert isinstance(policy, MixturePolicy)
    assert policy.weights == (Constant(0.3), Linear(0.0, 1.0))


def test_a_blend_and_a_complement_hold_policies() -> None:
    assert build_policy("blend(random + 2*block)") == BlendPolicy(
        parts=[RandomPolicy(), BlockPolicy()], weights=[1, 2]
    )
    assert build_policy("complement(rectangles)") == ComplementPolicy(of=RectanglesPolicy())
    assert build_policy({"name": "complement", "of": "block(size=4)"}) == ComplementPolicy(
        of=BlockPolicy(size=4)
    )


def test_a_mapping_may_hold_lists_of_parts() -> None:
    assert build_policy(
        {"name": "mixture", "parts": ["random", {"name": "block"}]}
    ) == build_policy("random + block")


def test_policies_can_be_nested() -> None:
    policy = build_policy("random + complement(blend(block + 0.5*red))")
    assert isinstance(policy, MixturePolicy)
    assert isinstance(policy.parts[1], ComplementPolicy)


def test_given_masks_are_built_by_whoever_may_read_files() -> None:
    given = GivenPolicy(masks=torch.eye(2))
    assert (
        build_policy(
            "given(path='mask.png')",
            {"given": lambda call: {"mask.png": given}[call.options["path"]]},
        )
        is given
    )


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_line_of_the_catalog_loads_a_policy(name) -> None:
    assert isinstance(POLICIES[name].load(), type)
    if name not in ("mixture", "blend", "complement", "turns", "given", "learned"):
        assert isinstance(build_policy(name), Policy)


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("blok", "Did you mean 'block'"),
        ("block(sise=2)", "Did you mean 'size'"),
        ("block(size=0)", "whole number of at least 1"),
        ("block(size=", "Could not read"),
        ("random(3)", "takes 0 options"),
        ("blend(random)", "two or more policies"),
        ("random + blok", "Did you mean 'block'"),
        ("multiblock(scale=[0.5, 2])", "<= 1"),
        ("inverse_block(roll='no')", "True or False"),
    ],
)
def test_a_mistake_gets_a_sentence(line, fragment) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        build_policy(line)


def test_every_policy_takes_a_mix() -> None:
    assert build_policy("block(size=4, mix=0.5)") == MixPolicy(of=BlockPolicy(size=4), share=0.5)
    assert build_policy("random + red(mix=cosine(0->1))") == build_policy(
        "random + red(mix='cosine(0->1)')"
    )
    with pytest.raises(MaskwrightError, match="from 0 to 1"):
        build_policy("red(mix=2)")


@pytest.mark.parametrize(
    ("bare", "quoted"),
    [
        ("guided(hide=background)", "guided(hide='background')"),
        ("guided(source=self, predict=first)", "guided(source='self', predict='first')"),
        ("guided(prior)", "guided('prior')"),
        ("grid(phase=global)", "grid(phase='global')"),
        ("foreground(heavy=bg)", "foreground(heavy='bg')"),
        ("random + turns(grid(phase=cell))", "random + turns(grid(phase='cell'))"),
    ],
)
def test_a_word_needs_no_quotes(bare, quoted) -> None:
    assert build_policy(bare) == build_policy(quoted)
