"""Checks return what is right, and refuse the rest in a sentence with or without an owner."""

from __future__ import annotations

import math
import re

import pytest

from maskwright.support.checks import (
    check_at_least,
    check_count,
    check_flag,
    check_inside,
    check_number,
    check_one_of,
    check_range,
    read_word,
    read_words,
)
from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import Call

OWNER = "Policy 'block'"
REFUSED = [
    (check_one_of, ("hide", "salint", ("salient", "background")), "one of salient, background"),
    (check_at_least, ("epochs", 0, 1), "at least 1; got 0."),
    (check_at_least, ("epochs", "x", 1), "a number of at least 1; got 'x'."),
    (check_count, ("size", 1.5), "a whole number of at least 1; got 1.5."),
    (check_count, ("size", True), "a whole number of at least 1; got True."),
    (check_number, ("weight", math.nan, 0), "a number of at least 0; got nan."),
    (check_number, ("floor", 2, 0, 1), "a number between 0 and 1; got 2."),
    (check_number, ("floor", "2"), "a number; got '2'."),
    (check_flag, ("shift", "no"), "True or False; got 'no'."),
]


@pytest.mark.parametrize(("check", "arguments", "message"), REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(check, arguments, message: str) -> None:
    name = arguments[0]
    with pytest.raises(MaskwrightError, match=re.escape(f"{name} is {message}")):
        check(*arguments)
    with pytest.raises(MaskwrightError, match=re.escape(f"{OWNER} needs {name} to be {message}")):
        check(*arguments, owner=OWNER)


def test_a_word_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(MaskwrightError, match="Did you mean 'salient'"):
        check_one_of("hide", "salint", ("salient", "background"))


def test_limits_are_inside() -> None:
    check_inside("share", 0, 0, 1)
    check_inside("share", 1, 0, 1)
    with pytest.raises(MaskwrightError, match=r"^share lies between 0 and 1; got 1\.5\.$"):
        check_inside("share", 1.5, 0, 1)
    with pytest.raises(MaskwrightError, match=r"^Policy 'block' needs share to lie between"):
        check_inside("share", 1.5, 0, 1, owner=OWNER)


def test_what_fits_comes_back_clean() -> None:
    assert check_count("size", 3) == 3
    assert check_number("weight", 2) == 2.0
    assert check_flag("shift", False) is False
    assert check_range("scale", [0.5, 1], most=1) == (0.5, 1.0)
    check_at_least("limit", None, 1)


@pytest.mark.parametrize("value", [[2, 1], [0, 1], [0.5], "ab", [0.5, math.inf], [0.5, 2]])
def test_a_range_rises_and_stays_inside(value) -> None:
    with pytest.raises(MaskwrightError, match=r"scale=\[low, high\] with 0 < low <= high <= 1"):
        check_range("scale", value, most=1, owner=OWNER)


def test_a_single_name_stands_without_a_list() -> None:
    assert read_word("how", Call("block", (), {"size": 4})) == "block(size=4)"
    assert read_words("orders", "random") == ("random",)
    assert read_words("orders", ["random", Call("red")]) == ("random", "red")
    with pytest.raises(MaskwrightError, match="how is a name"):
        read_word("how", 3)
