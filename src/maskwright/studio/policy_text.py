"""Policies that somebody typed into the page; those that open files or never end are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import Call, Weighted, parse_sum
from maskwright.weights.zoo import PREFIX as ZOO

LONGEST = 300
# Larger ones make no mask that a smaller one does not, and may take minutes or all memory.
LARGEST = 256
DEEPEST = 8


def check_policy_text(text: str) -> str:
    """The same text; raises MaskwrightError for a policy that the page may not ask for.

    The command line may name files: it belongs to whoever started the studio. The page may not.
    """
    if len(text) > LONGEST:
        raise MaskwrightError(f"A policy has at most {LONGEST} letters here; got {len(text)}.")
    for term in parse_sum(text):
        for call in _calls(term.call):
            _check_call(call)
    return text


def _calls(value: Any) -> Iterator[Call]:
    """A call and all calls inside it."""
    if isinstance(value, Call):
        yield value
        yield from _calls([*value.args, *value.options.values()])
    elif isinstance(value, Weighted):
        yield from _calls(value.call)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _calls(item)
    elif isinstance(value, dict):
        yield from _calls(list(value.values()))


def _check_call(call: Call) -> None:
    if call.name == "given":
        raise MaskwrightError("Masks from files are for the command line; here, paint the mask.")
    values = [*call.args, *call.options.values()]
    if call.name == "learned" and not all(str(value).startswith(ZOO) for value in values):
        raise MaskwrightError("Here learned() takes a model of the zoo: learned(path='zoo:NAME').")
    # Other names would open files or fetch weights.
    sources = [str(value) for name, value in call.options.items() if name == "source"]
    if call.name == "guided" and set(sources + [str(arg) for arg in call.args[:1]]) - {
        "self",
        "prior",
    }:
        raise MaskwrightError("Here guided() takes source='self' or source='prior'.")
    for value in values:
        if isinstance(value, (int, float)) and not abs(value) <= LARGEST:
            raise MaskwrightError(f"Options of policies are at most {LARGEST} here; got {value}.")
    if isinstance(call.options.get("depth"), int) and call.options["depth"] > DEEPEST:
        raise MaskwrightError(f"depth is at most {DEEPEST} here.")
