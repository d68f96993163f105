"""The policy that hides components: how it is written, and what is refused of it."""

from __future__ import annotations

import dataclasses

import pytest

from maskwright.components.policy_text import hides_components, ratio_with_share, require_patches
from maskwright.masking.block import BlockPolicy
from maskwright.masking.catalog import build_policy
from maskwright.masking.components import ComponentsPolicy, check_variance_share, components_of
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.listing import WRITTEN


def test_a_basis_may_stand_first_and_a_policy_scores_its_ids() -> None:
    assert build_policy("components(dct)") == ComponentsPolicy(basis="dct")
    built = build_policy("components(share=0.4->0.8, of=block(size=2))")
    assert built == ComponentsPolicy(share="0.4->0.8", of=BlockPolicy(size=2))
    # policies whose first option is a policy still read it there
    assert build_policy("complement(block(size=2))").of == BlockPolicy(size=2)


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("components(basis=fft)", "Did you mean|pca"),
        ("components(basis=dct, count=9)", "count for basis=pca alone"),
        ("components(bands=4)", "bands for basis=dct alone"),
        ("components(share=1.2)", "between 0 and 1"),
        ("components(share=0.5->1)", "between 0 and 1"),
        ("components(of=guided)", "looks at the grid alone"),
        ("components(of=adaptive)", "looks at the grid alone"),
        ("components(of=components)", "looks at the grid alone"),
        ("components(basis=dct, bands=1)", "at least 2"),
        ("components(count=0)", "at least 1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(line: str, fragment: str) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        build_policy(line)


def test_components_are_no_part_of_another_policy() -> None:
    for line in ("0.5*random + 0.5*components", "components(mix=0.5)", "complement(components)"):
        with pytest.raises(MaskwrightError, match="cannot be a part of another policy"):
            components_of(build_policy(line))
    assert components_of(build_policy("random")) is None


def test_the_text_alone_says_whether_components_are_hidden() -> None:
    assert hides_components("components(basis=dct)")
    assert hides_components({"name": "components", "share": 0.5})
    assert not hides_components("0.5*random + 0.5*components")
    assert not hides_components("block(size=")
    assert not hides_components(None)


def test_a_share_is_the_ratio_and_another_ratio_beside_it_is_refused() -> None:
    assert ratio_with_share("components(share=0.6)", 0.75, 0.75) == 0.6
    assert ratio_with_share("components(share=0.6)", 0.6, 0.75) == 0.6
    assert ratio_with_share("components", "0.4->0.8", 0.75) == "0.4->0.8"
    assert ratio_with_share("random", 0.9, 0.75) == 0.9
    with pytest.raises(MaskwrightError, match=r"The ratio is 0\.5 and .* 0\.6"):
        ratio_with_share("components(share=0.6)", 0.5, 0.75)


def test_what_a_schedule_may_draw_stays_inside_too() -> None:
    check_variance_share("uniform(0.2, 0.9)")
    with pytest.raises(MaskwrightError, match=r"got uniform\(0\.2, 1\)"):
        check_variance_share("uniform(0.2, 1)")


def test_masked_patches_are_refused_of_a_model_that_met_none() -> None:
    require_patches({"policy": "random"}, "'run'")
    require_patches({}, "'file.pth'")
    with pytest.raises(MaskwrightError, match="'run' was trained to predict hidden components"):
        require_patches({"policy": "components(share=0.6)"}, "'run'")


def test_the_options_in_the_list_are_those_of_the_policy() -> None:
    written = [part.partition("=")[0].strip() for part in WRITTEN["components"].split(",")]
    assert written == [item.name for item in dataclasses.fields(ComponentsPolicy)]
