"""Columns stand under each other, whatever letters are in them."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from maskwright.support.text_table import format_table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    lines = format_table([["random", "61.2"], ["block(size=4)", "7"]], head=["policy", "top-1"])
    assert lines == [
        "  policy         top-1",
        "  random         61.2",
        "  block(size=4)  7",
    ]


def test_indent_and_gap_are_spaces() -> None:
    assert format_table([["a", "b"], ["aa", "b"]], indent=0, gap=3) == ["a    b", "aa   b"]


def test_a_rule_is_drawn_under_the_head() -> None:
    lines = format_table([["random", "MAE"]], head=["name", "what"], indent=0, rule=True)
    assert lines == ["name    what", "------  ----", "random  MAE"]


def test_numbers_align_to_the_right_and_names_to_the_left() -> None:
    lines = format_table(
        [["mask", "9.5"], ["no mask", "10.25"]], head=["arm", "loss"], numbers=True
    )
    assert lines == ["  arm       loss", "  mask       9.5", "  no mask  10.25"]


@pytest.mark.parametrize("name", ["初音ミク", "蓝色头发", "école", "e\u0301cole"])
def test_letters_of_two_cells_or_none_do_not_shift_columns(name: str) -> None:
    lines = format_table([[name, "|"], ["a long ASCII name", "|"]])
    assert len({cell_len(line) for line in lines}) == 1


def test_brackets_stay_as_they_are() -> None:
    assert format_table([["[bold]random[/bold]", "x"]]) == ["  [bold]random[/bold]  x"]


def test_no_rows_give_no_lines_and_a_head_alone_gives_one() -> None:
    assert format_table([]) == []
    assert format_table([], head=["policy", "top-1"]) == ["  policy  top-1"]


def test_rows_of_different_lengths_are_an_error() -> None:
    with pytest.raises(ValueError):
        format_table([["a", "b"], ["a"]])
