"""A dataclass field that carries its own help, so that one declaration serves the flag, the recipe
and the Python argument.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import MISSING
from typing import Any, get_type_hints


def setting(default: Any = MISSING, *, help: str, aliases: tuple[str, ...] = ()) -> Any:
    """Declare one setting; without a default it is required."""
    metadata = {"help": help, "aliases": aliases}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One setting as the command line sees it."""

    name: str
    section: str
    type: Any
    default: Any
    help: str
    aliases: tuple[str, ...]

    @property
    def required(self) -> bool:
        return self.default is MISSING


def leaves(sections: dict[str, Any]) -> Iterator[Leaf]:
    """All settings of named dataclasses, in order of declaration."""
    for section, cls in sections.items():
        types = get_type_hints(cls)
        for item in dataclasses.fields(cls):
            default = (
                item.default_factory() if item.default_factory is not MISSING else item.default
            )
            yield Leaf(
                item.name,
                section,
                types[item.name],
                default,
                item.metadata["help"],
                item.metadata["aliases"],
            )
