"""Diagnostics are named on one line, with options, hyphens and paths."""

from __future__ import annotations

import pytest

from maskwright.diagnostics.catalog import DIAGNOSTICS, build_diagnostics
from maskwright.diagnostics.passes import Lowpass
from maskwright.support.errors import MaskwrightError


def test_a_line_builds_diagnostics_in_order_with_their_options() -> None:
    built = build_diagnostics(
        "cue-conflict(mapping='a-b/c-d.csv', pool=\"mean\"), lowpass(sigmas=[0, 1])"
    )
    assert list(built) == ["cue-conflict", "lowpass"]
    assert built["cue-conflict"].mapping == "a-b/c-d.csv"
    assert built["lowpass"] == Lowpass(sigmas=[0, 1])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lowpas", "Did you mean 'lowpass'"),
        ("lowpass(sigma=[1])", "Did you mean 'sigmas'"),
        ("lowpass,lowpass", "asked for twice"),
        ("", "Tests are names"),
        ("lowpass(", "Could not read"),
        ("cue-conflict(pool='least')", "pool is one of max, mean"),
    ],
)
def test_mistakes_are_told(line: str, message: str) -> None:
    with pytest.raises(MaskwrightError, match=message):
        build_diagnostics(line)


def test_every_entry_loads() -> None:
    for entry in DIAGNOSTICS.values():
        assert entry.load()().wants is not None


def test_a_word_needs_no_quotes() -> None:
    bare, quoted = (
        build_diagnostics(f"cue-conflict(pool={pool}), occlusion(how={how})")
        for pool, how in (("mean", "gray"), ("'mean'", "'gray'"))
    )
    assert bare == quoted
