"""Catalogs: from a name to where its class lives and a sentence about it.

A catalog is a plain dict, and nothing in it is imported until it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from maskwright.support.checks import check_number
from maskwright.support.errors import MaskwrightError, did_you_mean, unknown_name
from maskwright.support.shorthand import Call, plain


@dataclass(frozen=True)
class Entry:
    """One line of a catalog.

    path: `module:Class`.
    summary: what it is, in a few words.
    examples: lines that show its options, run by the tests; the bare name where none are given.
    """

    path: str
    summary: str
    examples: tuple[str, ...] = field(default=(), kw_only=True)

    def load(self) -> Any:
        """Import the class."""
        module, name = self.path.split(":")
        return getattr(import_module(module), name)


def build(kind: str, catalog: Mapping[str, Entry], call: Call) -> Any:
    """Build the dataclass that a call names, such as `block(size=4)`.

    kind: what the catalog holds, for errors.
    call: bare words among its options stand for text.

    Raises MaskwrightError for an unknown name or option, with the nearest known one, and for a
    value the class refuses.
    """
    if call.name not in catalog:
        raise unknown_name(kind, call.name, catalog)
    cls = catalog[call.name].load()
    # arguments without a name go to the fields in their order
    fields = [item.name for item in dataclasses.fields(cls) if item.init]
    if len(call.args) > len(fields):
        raise MaskwrightError(
            f"{kind} '{call.name}' takes {len(fields)} options ({', '.join(fields) or 'none'}); got"
            f" {call}."
        )
    positional = dict(zip(fields, call.args, strict=False))
    options = plain({**positional, **call.options})
    for option in options:
        if option not in fields:
            raise MaskwrightError(
                f"{kind} '{call.name}' has no option '{option}'.{did_you_mean(option, fields)} It"
                f" has: {', '.join(fields) or 'none'}."
            )
    try:
        return cls(**options)
    except MaskwrightError:
        raise  # it says already what is wrong
    except (TypeError, ValueError) as error:
        _refuse_words_for_numbers(f"{kind} '{call.name}'", cls, options)
        raise MaskwrightError(f"{kind} '{call}' does not fit: {error}.") from error


def _refuse_words_for_numbers(owner: str, cls: Any, options: Mapping[str, Any]) -> None:
    """Say which option should have been a number, where one that is nothing else holds a word."""
    for item in dataclasses.fields(cls):
        # Annotations are text, because every module postpones them.
        if item.name in options and item.type in ("int", "float"):
            check_number(item.name, options[item.name], owner=owner)
