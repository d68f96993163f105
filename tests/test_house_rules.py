"""The rules of the house hold for the source, and each rule finds an offender that is planted for
it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import rules

SRC = Path(__file__).parent.parent / "src" / "maskwright"
TREE = rules.read_tree(SRC)
PER_FILE = [
    rules.long_files,
    rules.long_functions,
    rules.wide_lines,
    rules.banned_names,
    rules.imports_inside_functions,
    rules.nested_comprehensions,
    rules.missing_first_sentences,
]


@pytest.mark.parametrize("rule", PER_FILE, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule) -> None:
    broken = [line for name, text in TREE.items() for line in rule(name, text)]
    assert not broken, "\n".join(broken)


PER_ROOM = [rules.dense_rooms, rules.silent_rooms]


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not list(rules.import_circles(TREE))


def test_no_families_import_each_other_in_a_circle() -> None:
    assert not list(rules.package_circles(TREE))


def test_lines_have_room_and_reasons_have_comments() -> None:
    density = rules.measure_density(list(TREE.values()))
    assert density.nodes_per_line <= rules.MOST_NODES_PER_LINE
    assert density.comments_per_100 >= rules.FEWEST_COMMENTS_PER_100


@pytest.mark.parametrize("rule", PER_ROOM, ids=lambda rule: rule.__name__)
def test_every_room_keeps_the_rule(rule) -> None:
    broken = list(rule(TREE))
    assert not broken, "\n".join(broken)


SENTENCE = '"""A sentence."""\n'


@pytest.mark.parametrize(
    ("rule", "offender"),
    [
        (rules.long_files, SENTENCE + "x = 1\n" * 250),
        (rules.long_files, SENTENCE + "x = 1\n" * 249 + "x = 1"),
        (rules.long_functions, "def f():\n" + "    x = 1\n" * 40),
        (rules.wide_lines, "x = '" + "a" * 100 + "'"),
        (rules.banned_names, "class Manager:\n    pass"),
        (rules.banned_names, "def spell_time():\n    pass"),
        (rules.banned_names, "for one in range(3):\n    pass"),
        (rules.banned_names, "def f(lesson):\n    pass"),
        (rules.imports_inside_functions, "def f():\n    from maskwright.data import loader"),
        (rules.imports_inside_functions, "def f():\n    import maskwright.data"),
        (rules.nested_comprehensions, "x = [[a for a in b] for b in c]"),
        (rules.nested_comprehensions, "x = {a: sum(b for b in c) for a, c in d}"),
        (rules.missing_first_sentences, "x = 1"),
        (rules.missing_first_sentences, SENTENCE + "def public():\n    pass"),
        (rules.missing_first_sentences, SENTENCE + "class Public:\n    '''no full stop'''"),
    ],
)
def test_a_planted_offender_is_found(rule, offender: str) -> None:
    assert len(list(rule("maskwright.planted", offender))) == 1


@pytest.mark.parametrize("rule", PER_FILE, ids=lambda rule: rule.__name__)
def test_an_innocent_file_is_left_alone(rule) -> None:
    innocent = SENTENCE + "def public():\n    '''Say it.'''\n    import json\n    return json\n"
    assert not list(rule("maskwright.planted", innocent))


def test_a_drawer_is_found_by_its_file_name() -> None:
    assert len(list(rules.banned_names("maskwright.utils", SENTENCE))) == 1


@pytest.mark.parametrize(
    ("rule", "offender"),
    [
        (rules.dense_rooms, "# a reason\nx = [[f(a + b * c) for a in g(b)] for b in h(c)]\n"),
        (rules.silent_rooms, "x = 1\n"),
    ],
)
def test_a_planted_room_is_found_among_the_others(rule, offender: str) -> None:
    # Two rooms of the house stand for all, which take seconds to read.
    rooms = ("maskwright.losses", "maskwright.patches")
    few = {name: text for name, text in TREE.items() if name.startswith(rooms)}
    assert len(few) > 10
    assert not list(rule(few))
    found = list(rule({**few, "maskwright.planted": offender}))
    assert [line.split(":")[0] for line in found] == ["planted"]


def test_ruff_finds_a_function_of_many_ways_and_one_of_many_parameters() -> None:
    ways = "".join(f"    if a == {number}:\n        return\n" for number in range(11))
    text = SENTENCE + f"def winding(a):\n{ways}\n\ndef wide(a, b, c, d, e, f, g):\n    pass\n"
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise"]
    name = str(SRC / "planted.py")
    found = subprocess.run(
        [*command, "--stdin-filename", name, "-"],
        input=text,
        cwd=SRC.parent.parent,
        capture_output=True,
        text=True,
    ).stdout
    assert "C901" in found
    assert "PLR0913" in found


def test_a_planted_circle_is_found_even_inside_a_function() -> None:
    circle = {
        "maskwright.data.a": "from maskwright.data import b",
        "maskwright.data.b": "def f():\n    from maskwright.data.c import x",
        "maskwright.data.c": "import maskwright.data.a",
    }
    assert len(list(rules.import_circles(circle))) == 1


def test_a_planted_circle_of_families_is_found() -> None:
    families = {
        "maskwright.data.maps.x": "from maskwright.data.store.y import z",
        "maskwright.data.store.y": "",
        "maskwright.data.store.w": "from maskwright.data.maps.v import u",
        "maskwright.data.maps.v": "",
    }
    assert not list(rules.import_circles(families))
    assert len(list(rules.package_circles(families))) == 1


def test_density_counts_nodes_comments_and_no_docstrings() -> None:
    text = '"""A sentence.\n\nMore."""\n\n# a reason\nx = 1  # a surprise\ny = x\n'
    density = rules.measure_density([text])
    assert density.comments_per_100 == pytest.approx(100 * 2 / 5)
    # Module, its docstring (2 nodes), and two assignments of three nodes each on two lines of code.
    assert density.nodes_per_line == pytest.approx(9 / 2)
