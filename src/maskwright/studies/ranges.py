"""Ranges of settings that a search may choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.workflows.settings.conversion import convert
from maskwright.workflows.settings.fields import leaves
from maskwright.workflows.settings.pretrain_settings import SECTIONS
from maskwright.workflows.settings.recipes import canonical

_KEYS = ("low", "high", "log", "step")


@dataclass(frozen=True, kw_only=True)
class Range:
    """Values from low to high, whole ones when both ends are whole; log: evenly over orders of
    magnitude; or a list of choices.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()

    def suggest(self, name: str, trial: Any) -> Any:
        """Let an Optuna trial choose."""
        if self.choices:
            return trial.suggest_categorical(name, self.choices)
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(
                name, self.low, self.high, step=int(self.step or 1), log=self.log
            )
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


def parse_ranges(values: Mapping[str, Any]) -> dict[str, Range]:
    """Read `{lr: {low: 1e-4, high: 1e-2, log: true}, policy: [random, grid]}`; raises
    MaskwrightError for what is no range.
    """
    known = {leaf.name: leaf for leaf in leaves(SECTIONS)}
    found = {name: _parse(name, value) for name, value in canonical(values).items()}
    for name, one in found.items():
        leaf = replace(known[name], name=f"search.{name}")
        for value in one.choices or (one.low, one.high):
            convert(leaf, value)
    return found


def _parse(name: str, value: Any) -> Range:
    if isinstance(value, (list, tuple)) and len(value) > 1:
        return Range(choices=tuple(value))
    if not isinstance(value, Mapping) or not {"low", "high"} <= set(value):
        raise MaskwrightError(
            f"`search.{name}` is a list of choices or {{low: ..., high: ...}}; got {value!r}."
        )
    for key in value:
        if key not in _KEYS:
            raise MaskwrightError(
                f"Unknown key 'search.{name}.{key}'.{did_you_mean(str(key), _KEYS)} Known:"
                f" {', '.join(_KEYS)}."
            )
    try:
        numbers: dict[str, Any] = {
            key: _number(value[key]) for key in ("low", "high", "step") if key in value
        }
    except (TypeError, ValueError) as error:
        raise MaskwrightError(
            f"The ends of `search.{name}` are numbers; got {dict(value)}."
        ) from error
    is_log = value.get("log", False)
    if not isinstance(is_log, bool):
        raise MaskwrightError(f"`search.{name}.log` is true or false; got {is_log!r}.")
    found = Range(**numbers, log=is_log)
    if not found.low < found.high or (found.log and (found.low <= 0 or found.step)):
        raise MaskwrightError(
            f"`search.{name}` goes from low to a larger high; log needs low above 0 and no step;"
            f" got {dict(value)}."
        )
    return found


def _number(value: Any) -> int | float:
    """1e-4 is text to YAML, a number to people."""
    return value if isinstance(value, int) else float(value)
