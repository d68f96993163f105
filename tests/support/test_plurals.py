"""Numbers of things in words."""

from __future__ import annotations

import pytest

from maskwright.support.plurals import count_of


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1 seed"),
        (1.0, "1 seed"),
        (0, "0 seeds"),
        (2.5, "2.5 seeds"),
        (1200, "1,200 seeds"),
    ],
)
def test_only_one_has_no_s(number: float, words: str) -> None:
    assert count_of(number, "seed") == words
