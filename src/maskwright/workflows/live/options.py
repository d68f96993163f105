"""Policies with their options, as a page needs them to offer sliders and lists."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from typing import Any, Literal

from maskwright.masking.catalog import POLICIES, policy_examples
from maskwright.support.catalog import Entry
from maskwright.workflows.building.policies import ALL, policy_lines

Kind = Literal["whole", "number", "switch", "choice", "text"]


@dataclass(frozen=True)
class PolicyOption:
    """One option of a policy.

    name: as it is written.
    kind: which control fits.
    default: where it is not given.
    choices: of a choice.
    help: what it does, from the policy's own description.
    """

    name: str
    kind: Kind
    default: Any
    choices: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True)
class PolicyCard:
    """One policy that may stand alone.

    name: as it is written.
    summary: what it masks.
    examples: lines that show its options.
    options: what can be set.
    """

    name: str
    summary: str
    examples: tuple[str, ...]
    options: tuple[PolicyOption, ...]


def policy_cards() -> list[PolicyCard]:
    """Every policy that is made of no other and of no file."""
    cards = []
    for name in policy_lines(ALL):
        entry = POLICIES[name]
        options = tuple(_options(entry))
        # A required option, such as a trained network, cannot be set on a page.
        if all(option.default is not MISSING for option in options):
            cards.append(PolicyCard(name, entry.summary, policy_examples(name), options))
    return cards


def _options(entry: Entry) -> Iterator[PolicyOption]:
    cls = entry.load()
    types_of = typing.get_type_hints(cls)
    notes = _notes(cls.__doc__ or "")
    for item in dataclasses.fields(cls):
        # What a policy works out for itself is no option.
        if not item.init:
            continue
        default = item.default
        if default is MISSING and callable(item.default_factory):
            default = item.default_factory()
        kind, choices = _kind(types_of[item.name])
        note = notes.get(item.name, "")
        yield PolicyOption(item.name, kind, default, choices, note)


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...]]:
    """Which control fits a type, and the words of a choice."""
    # `X | None` is offered as X: leaving it out is None already.
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = typing.get_args(hint)
        hint = next(part for part in parts if part is not type(None))
    if typing.get_origin(hint) is Literal:
        return "choice", tuple(map(str, typing.get_args(hint)))
    # Schedules, lists and mappings are written as text.
    kinds: dict[Any, Kind] = {bool: "switch", int: "whole", float: "number"}
    return kinds.get(hint, "text"), ()


def _notes(text: str) -> dict[str, str]:
    """The lines `name: what it does` of a docstring, with the lines that go on below them."""
    notes: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        head, colon, rest = line.strip().partition(": ")
        # A sentence with a colon has more than one word before it.
        if colon and head.isidentifier():
            name = head
            notes[name] = rest
        elif not line.strip():
            # An empty line ends a note.
            name = ""
        elif name:
            notes[name] += f" {line.strip()}"
    return notes
