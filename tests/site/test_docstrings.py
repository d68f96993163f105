"""Docstrings become what Sphinx reads: prose, and one list of parameters, errors and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PLAIN = """Count **all.

>>> f(2)
4

Arguments:
    n: of `x`s.
        More.

Raises MaskwrightError for
what is wrong.

Formula: n * n
Source: Euclid.

size: in pixels.""".splitlines()


@dataclass(frozen=True)
class Outer:
    """Something.

    low, high: ends of the range.
    """

    low: int = 0
    high: int = 1


@dataclass(frozen=True)
class Inner(Outer):
    """Something special.

    high: the upper end.
    """

    name: str = ""


def test_prose_stays_and_fields_become_one_list(site_module: Any) -> None:
    assert site_module("restructured").to_rst(PLAIN, {"size": "96"}) == [
        r"Count \*\*all.",
        "",
        ">>> f(2)",
        "4",
        "",
        r":param n: of ``x``\ s.",
        "    More.",
        ":raises ~maskwright.MaskwrightError: for",
        "    what is wrong.",
        ":Formula: n * n".replace("*", r"\*"),
        ":Source: Euclid.",
        ":param size: (``96``) in pixels.",
        "",
    ]


def test_names_that_share_a_line_share_a_parameter(site_module: Any) -> None:
    lines = site_module("restructured").to_rst(["rows, cols: of patches."])
    assert lines[0] == ":param rows: with ``cols``: of patches."


def test_a_default_is_not_said_twice(site_module: Any) -> None:
    lines = site_module("restructured").to_rst(["n: how many (default: all)."], {"n": "4"})
    assert lines[0] == ":param n: how many (default: all)."


def test_options_come_from_bases_and_the_nearest_description_counts(site_module: Any) -> None:
    low, high = site_module("docstrings").read_options(Inner)
    assert (low.names, low.meaning, low.default) == (("low",), "ends of the range.", "0")
    assert (high.names, high.meaning, high.default) == (("high",), "the upper end.", "1")


def test_fields_that_share_a_line_stay_together(site_module: Any) -> None:
    (both,) = site_module("docstrings").read_options(Outer)
    assert (both.names, both.default) == (("low", "high"), "0, 1")


def test_a_colon_in_a_sentence_begins_no_field_and_a_table_keeps_its_lines(
    site_module: Any,
) -> None:
    text = "It takes a number or\nschedule: both are the same."
    assert site_module("restructured").to_rst(text.splitlines()) == [*text.splitlines(), ""]
    read = site_module("docstrings").read_docstring(type("Named", (), {"__doc__": text}))
    assert not read.fields
    table = ["    B  pictures", "    N  patches"]
    assert site_module("restructured").to_rst(table) == ["::", "", *table, ""]
