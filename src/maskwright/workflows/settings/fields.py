"""A dataclass field that carries its own help, so that one declaration serves the flag, the recipe
and the Python argument.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import MISSING
from typing import Any, get_type_hints


def setting(  # noqa: PLR0913 - it stands in the place of dataclasses.field
    default: Any = MISSING,
    *,
    help: str,
    aliases: tuple[str, ...] = (),
    positional: bool = False,
    many: bool = False,
    metavar: str | None = None,
    group: str = "",
    flag: str = "",
) -> Any:
    """Declare one setting; without a default it is required.

    help: a few words for the command line, the docstring and the error.
    aliases: other names of the same setting.
    positional: a word of its own on the command line, without a flag.
    many: several words, or a flag that may be repeated.
    metavar: what stands for the value in the help.
    group: heading in the help.
    flag: the name on the command line, where it differs from the Python name.
    """
    metadata = {
        "help": help,
        "aliases": aliases,
        "positional": positional,
        "many": many,
        "metavar": metavar,
        "group": group,
        "flag": flag,
    }
    if isinstance(default, list):
        # Dataclasses refuse a mutable default, so every instance gets a list of its own.
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One setting as the command line sees it; the fields after `section` are those of `setting`.

    name: the Python name.
    section: where a recipe holds it; empty for what belongs to one call only.
    type: what values are converted to.
    """

    name: str
    section: str
    type: Any
    default: Any
    help: str
    aliases: tuple[str, ...]
    positional: bool = False
    many: bool = False
    metavar: str | None = None
    group: str = ""
    flag: str = ""

    @property
    def required(self) -> bool:
        """Whether it must be given; a recipe may give what belongs to a section."""
        return self.default is MISSING and not self.section

    @property
    def is_switch(self) -> bool:
        """Whether it is true or false."""
        return self.type is bool or self.type == bool | None

    @property
    def words(self) -> list[str]:
        """How it is written on the command line, e.g. --image-size."""
        if self.positional:
            return [self.name]
        # The first word is the one that help and errors name.
        names = (self.flag or self.name, *self.aliases)
        return [f"--{name.replace('_', '-')}" for name in names]


def leaves(sections: dict[str, Any]) -> Iterator[Leaf]:
    """All settings of named dataclasses, in order of declaration; inherited ones come last."""
    for section, cls in sections.items():
        types = get_type_hints(cls)
        fields = {item.name: item for item in dataclasses.fields(cls)}
        # dataclasses.fields lists inherited ones first, which would put --device above --data.
        for name in _declared(cls):
            item = fields[name]
            default = (
                item.default_factory() if item.default_factory is not MISSING else item.default
            )
            yield Leaf(name, section, types[name], default, **item.metadata)


def _declared(cls: type) -> list[str]:
    """Names of fields: a class's own before those that it shares with other commands."""
    names = [
        name
        for parent in cls.__mro__
        if dataclasses.is_dataclass(parent)
        for name in parent.__annotations__
    ]
    return list(dict.fromkeys(names))
