"""One declaration gives the flags of a command, the signature of its function, its docs and checked
values.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

import pytest

from maskwright.cli.commands import COMMANDS, find_arguments
from maskwright.cli.parser import build_parser
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.arguments import Arguments, takes
from maskwright.workflows.settings.fields import leaves, setting


@dataclass(frozen=True, kw_only=True)
class Bake:
    """How bread is baked."""

    flour: str = setting(help="kind of flour", positional=True, metavar="FLOUR")
    minutes: float = setting(40.0, help="time in the oven", aliases=("time",))
    crust: bool = setting(True, help="whether it is crisp")


@takes(Bake, "flour")
def bake(settings: Bake, reporter: Any = None) -> tuple[Bake, Any]:
    """Bake a bread."""
    return settings, reporter


def test_the_body_gets_one_object_of_checked_values() -> None:
    assert bake("rye", minutes="35") == (Bake(flour="rye", minutes=35.0), None)
    assert bake(flour="rye", time=35, reporter="x") == (Bake(flour="rye", minutes=35.0), "x")
    assert bake("rye", minutes=None)[0].minutes == 40.0


def test_the_signature_and_the_docs_name_every_setting() -> None:
    assert str(inspect.signature(bake)) == (
        "(flour: str, *, minutes: float = 40.0, crust: bool = True, reporter: 'Any' = None)"
        " -> 'tuple[Bake, Any]'"
    )
    assert bake.__doc__ is not None
    assert "minutes: time in the oven." in bake.__doc__


@pytest.mark.parametrize(
    ("given", "fragment"),
    [
        ({"flour": "rye", "minute": 3}, "Unknown argument 'minute'. Did you mean 'minutes'?"),
        ({"flour": "rye", "minutes": "long"}, "minutes = 'long' does not fit"),
        ({}, "bake needs flour: kind of flour."),
    ],
)
def test_a_mistake_is_a_sentence(given: dict[str, Any], fragment: str) -> None:
    with pytest.raises(MaskwrightError) as caught:
        bake(**given)
    assert fragment in str(caught.value)


def test_positions_are_counted_as_python_does() -> None:
    with pytest.raises(TypeError, match="takes 1 argument"):
        bake("rye", 3)
    with pytest.raises(TypeError, match="two values for 'flour'"):
        bake("rye", flour="oat")


def test_settings_of_a_recipe_are_left_to_the_body() -> None:
    arguments = Arguments(Bake, sections=tuple(leaves({"oven": Bake})))
    options, others = arguments.read("bake", {"flour": "rye", "heat": "230"})
    assert (options, others) == (Bake(flour="rye"), {"heat": "230"})


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_setting_is_written_on_the_command_line_in_one_way(command: str) -> None:
    flags = find_arguments(command).leaves
    words = [word for leaf in flags for word in leaf.words]
    assert len(set(words)) == len(words)
    assert all(leaf.help for leaf in flags)
    assert not any(re.search(r"[^.]\.$|%%", leaf.help) for leaf in flags)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--baselines", "false"], False),
        (["--baselines=no"], False),
        (["--no-baselines"], False),
        (["--baselines", "yes"], True),
        (["--baselines"], True),
        ([], None),
    ],
)
def test_a_switch_is_understood_with_and_without_a_value(words: list[str], expected: Any) -> None:
    line = ["evaluate", "RUN", *words]
    parsed = build_parser(line).parse(line)
    assert parsed is not None
    assert parsed.options.get("baselines") is expected
    assert parsed.options["run"] == ["RUN"]


def test_a_switch_that_is_off_does_not_eat_the_next_word() -> None:
    line = ["reconstruct", "RUN", "--full", "a.png", "b.png"]
    parsed = build_parser(line).parse(line)
    assert parsed is not None
    assert parsed.options == {"run": "RUN", "full": True, "images": ["a.png", "b.png"]}
