"""Single values of a study plan, each refused in a sentence that names its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.building.policies import parts


def parse_seeds(value: Any) -> tuple[int, ...]:
    """Seeds as a count (3 gives 0, 1, 2), a list, or text such as `5` or `0,7,9`."""
    try:
        # A text such as 0,7,9 has parts; a list is its own.
        seeds = [_whole(part) for part in parts(value)]
    except (TypeError, ValueError) as error:
        raise MaskwrightError(
            "seeds is a count such as 5 or a list such as 0,1,2, of whole numbers from 0; got"
            f" '{value}'."
        ) from error
    # A single number counts seeds; a list of one number names a seed.
    if not isinstance(value, (list, tuple)) and len(seeds) == 1:
        seeds = list(range(seeds[0]))
    if not seeds or len(set(seeds)) != len(seeds):
        raise MaskwrightError(f"A study needs one seed or more, all different; got '{value}'.")
    return tuple(seeds)


def _whole(value: Any) -> int:
    """A seed; raises ValueError for 2.5, true and -1, which int() would take."""
    if isinstance(value, (bool, float)) or int(value) < 0:
        raise ValueError(value)
    return int(value)


def read_mapping(where: str, value: Any) -> Mapping[str, Any]:
    """A part of the plan that has names and values."""
    if not isinstance(value, Mapping):
        raise MaskwrightError(
            f"`{where}` in a study plan is a mapping of names to values; got {value!r}."
        )
    return value


def read_text(where: str, value: Any) -> str | None:
    """A field that is text, as which a number passes too; None where it is left out."""
    if value is None:
        return None
    if isinstance(value, (str, Path)):
        return str(value)
    # YAML reads a name such as 2024 as a number, but true is no name.
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise MaskwrightError(f"`{where}` in a study plan is text; got {value!r}.")
