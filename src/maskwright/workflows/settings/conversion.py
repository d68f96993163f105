"""Values from the command line, recipes and Python become the declared types, or a sentence says
what does not fit.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.shorthand import split_list
from maskwright.support.yaml_text import read_yaml
from maskwright.workflows.settings.fields import Leaf

SWITCHES = {"yes": True, "no": False, "true": True, "false": False}
WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    dict: "a mapping",
    list: "a list",
}


def convert(leaf: Leaf, value: Any) -> Any:
    """Convert one value to the type of its setting: '3e-4' to a number, '20,50' to a list.

    Raises MaskwrightError for a value that does not fit.
    """
    # Arrays, data sets and lists of runs are looked at by the workflow itself.
    if leaf.type is Any:
        return value
    members = _members(leaf.type)
    try:
        return _convert(_simplify(value, members), leaf.type, members)
    except (msgspec.ValidationError, MaskwrightError) as error:
        raise MaskwrightError(_sentence(leaf, value, members)) from error


def _convert(value: Any, kind: Any, members: list[Any]) -> Any:
    if isinstance(value, str) and str in members:
        return _convert_text(value, members)
    return msgspec.convert(value, kind, strict=False)


def _convert_text(text: str, members: list[Any]) -> Any:
    """Text where text is allowed beside other types, which are tried first: '96' is a number."""
    if dict in map(_plain, members):
        # parts(weights={eyes: 3}) is a policy and no mapping, so only an opening brace counts.
        return read_yaml(text) if text.lstrip().startswith("{") else text
    # int before float, so that 96 stays a whole number.
    for kind in (int, float):
        if kind in members:
            try:
                return msgspec.convert(text, kind, strict=False)
            except msgspec.ValidationError:
                continue
    return text


def _simplify(value: Any, members: list[Any]) -> Any:
    """Plain Python values in place of paths, numbers of numpy, iterables and words such as yes."""
    kinds = [_plain(member) for member in members]
    if isinstance(value, str) and value.strip() == "null" and type(None) in members:
        return None
    # Lists are written as 20,50 or [20, 50], and any iterable of Python is one.
    if list in kinds and isinstance(value, str):
        return split_list(value.strip().removeprefix("[").removesuffix("]"))
    if list in kinds and isinstance(value, Iterable):
        return list(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and bool in kinds:
        return SWITCHES.get(value.strip().lower(), value)
    # bool is a number to Python, and never meant as one.
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else value


def _members(kind: Any) -> list[Any]:
    """The types of a union, or the one type."""
    if get_origin(kind) in (Union, types.UnionType):
        return list(get_args(kind))
    return [kind]


def _plain(kind: Any) -> Any:
    return get_origin(kind) or kind


def _sentence(leaf: Leaf, value: Any, members: list[Any]) -> str:
    """What is wrong with a value, what is expected, and the nearest word where words are."""
    # A word that is nearly right gets the right one; a type gets its plain name.
    choices = [choice for kind in members if _plain(kind) is Literal for choice in get_args(kind)]
    near = did_you_mean(str(value), map(str, choices)) if choices else ""
    expected = [str(choice) for choice in choices]
    for kind in members:
        if kind is not type(None) and _plain(kind) is not Literal:
            expected.append(WORDS.get(_plain(kind), str(kind)))
    text = f"{leaf.name} = {value!r} does not fit: expected {' or '.join(expected)}"
    if (
        isinstance(value, str)
        and set(members) <= {int, float, type(None)}
        and not _is_number(value)
    ):
        text += ", and this is not a number"
    return f"{text}.{near} {leaf.help}."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
