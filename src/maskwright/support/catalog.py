"""Catalogs: a plain dict from a name to where its class lives and a sentence about it; nothing is
imported until it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from maskwright.support.errors import MaskwrightError, did_you_mean, unknown_name
from maskwright.support.shorthand import Call, plain


@dataclass(frozen=True)
class Entry:
    """One line of a catalog: `module:Class` and what it is, in a few words."""

    path: str
    summary: str

    def load(self) -> Any:
        module, name = self.path.split(":")
        return getattr(import_module(module), name)


def build(kind: str, catalog: Mapping[str, Entry], call: Call) -> Any:
    """Build the dataclass that a call names, e.g. `block(size=4)`; words among its options need no
    quotes.

    Raises MaskwrightError for an unknown name or option, with the nearest known one, and for a
    value the class refuses.
    """
    if call.name not in catalog:
        raise unknown_name(kind, call.name, catalog)
    cls = catalog[call.name].load()
    fields = [item.name for item in dataclasses.fields(cls) if item.init]
    if len(call.args) > len(fields):
        raise MaskwrightError(
            f"{kind} '{call.name}' takes {len(fields)} options ({', '.join(fields) or 'none'}); got"
            f" {call}."
        )
    options = plain({**dict(zip(fields, call.args, strict=False)), **call.options})
    for option in options:
        if option not in fields:
            raise MaskwrightError(
                f"{kind} '{call.name}' has no option '{option}'.{did_you_mean(option, fields)} It"
                f" has: {', '.join(fields) or 'none'}."
            )
    try:
        return cls(**options)
    except MaskwrightError:
        raise
    except (TypeError, ValueError) as error:
        raise MaskwrightError(f"{kind} '{call}' does not fit: {error}.") from error
