"""Options behind the name of a rendered source: `NAME:n=2000,size=64`."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from maskwright.support.errors import MaskwrightError, did_you_mean

Settings = TypeVar("Settings")


def read_options(name: str, settings: type[Settings], text: str) -> Settings:
    """Read `n=2000,size=64` into a dataclass whose fields all have defaults.

    name: of the source, for messages.

    Raises MaskwrightError for an unknown option or a value that does not fit.
    """
    fields = dataclasses.fields(settings)  # type: ignore[arg-type]
    defaults = {item.name: item.default for item in fields}
    options: dict[str, Any] = {}
    parts = [part.strip() for part in text.split(",")]
    for part in filter(None, parts):
        option, equals, value = part.partition("=")
        option = option.strip()
        if not equals or option not in defaults:
            hint = did_you_mean(option, defaults)
            raise MaskwrightError(
                f"{name} has no option '{part}'.{hint} Write {name}:n=2000,size=64; it has:"
                f" {', '.join(defaults)}."
            )
        default = defaults[option]
        options[option] = _convert(name, option, value.strip(), default)
    return settings(**options)


def _convert(name: str, option: str, value: str, default: object) -> int | float | str:
    """The value of an option, as text, float or whole number like its default."""
    if isinstance(default, str):
        return value
    kind = float if isinstance(default, float) else int
    try:
        return kind(value)
    except ValueError as error:
        raise MaskwrightError(f"{name}: {option} is a number; got '{value}'.") from error
