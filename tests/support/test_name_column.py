"""Names on disk are the names that were written, in any order, and are found again."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from maskwright.support import name_column
from maskwright.support.name_column import NameColumn, choose_names, hash_name, write_names

# Of different lengths, with letters of several bytes, bytes that are no text, and none at all.
NAMES = [f"shard-{at // 3}/{'ä' * (at % 4)}{at}.jpg" for at in range(40)] + [
    "",
    "\udcff.png",
    "x#2",
]


@pytest.fixture(params=[3, 1 << 16])
def column(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The names, written in three parts and read in blocks of two sizes."""
    monkeypatch.setattr(name_column, "_BLOCK", request.param)
    return write_names(tmp_path, [NAMES[:7], NAMES[7:7], NAMES[7:]])


def test_names_come_back(column: NameColumn) -> None:
    assert list(column) == NAMES
    assert [column[at] for at in range(-len(NAMES), len(NAMES))] == NAMES + NAMES
    assert column[2:9:3] == NAMES[2:9:3]
    assert column == tuple(NAMES)
    assert tuple(NAMES) == column
    assert column != NAMES[:-1]
    with pytest.raises(IndexError):
        column[len(NAMES)]


@pytest.mark.parametrize(
    "rows", [[5, 1, 1, 42], list(range(3, 30)), [0, 40], list(range(43))[::-1]]
)
def test_some_of_them_are_named_in_any_order(column: NameColumn, rows: list[int]) -> None:
    some = choose_names(column, np.array(rows))
    assert list(some) == [some[at] for at in range(len(some))] == [NAMES[row] for row in rows]
    assert some.hashes.tolist() == [hash_name(NAMES[row]) for row in rows]
    # Of those chosen, some are chosen.
    again = choose_names(some, np.array([len(rows) - 1, 0]))
    assert list(again) == [NAMES[rows[-1]], NAMES[rows[0]]]
    assert list(pickle.loads(pickle.dumps(again))) == list(again)


def test_each_name_is_found_and_others_are_not(
    column: NameColumn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [column.find(name) for name in NAMES] == list(range(len(NAMES)))
    with pytest.raises(KeyError):
        column.find("shard-0/0.jpeg")


def test_names_of_one_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_column, "hash_name", lambda name: len(name))
    column = write_names(tmp_path, [NAMES])
    assert [column.find(name) for name in NAMES] == list(range(len(NAMES)))


def test_a_letter_is_looked_for_in_all_names(column: NameColumn, tmp_path: Path) -> None:
    assert column.may_hold("#")
    assert not column.may_hold("?")


def test_plain_names_are_chosen_as_a_tuple() -> None:
    assert choose_names(["a", "b", "c"], np.array([2, 0])) == ("c", "a")


def test_no_names_are_a_column_too(tmp_path: Path) -> None:
    assert list(write_names(tmp_path, [])) == []
