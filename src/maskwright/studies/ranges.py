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
    """Values that a search may choose from, between two ends or in a list.

    low, high: the ends; values are whole numbers when both ends are.
    log: evenly over orders of magnitude.
    step: the distance between two values.
    choices: a list instead of ends.
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
    """Read `{lr: {low: 1e-4, high: 1e-2, log: true}, policy: [random, grid]}`.

    Raises MaskwrightError for what is no range, or no value of its setting.
    """
    known = {leaf.name: leaf for leaf in leaves(SECTIONS)}
    ranges = {name: _parse(name, value) for name, value in canonical(values).items()}
    # Converted only to see whether the setting takes them; the search gives plain values.
    for name, limits in ranges.items():
        leaf = replace(known[name], name=f"search.{name}")
        for value in limits.choices or (limits.low, limits.high):
            convert(leaf, value)
    return ranges


def _parse(name: str, value: Any) -> Range:
    """One range, or a sentence on what is wrong with it."""
    if isinstance(value, (list, tuple)) and len(value) > 1:
        return Range(choices=tuple(value))
    # What is no list of choices has two ends.
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
    # Ends and step are numbers in whatever form YAML read them.
    try:
        numbers: dict[str, Any] = {
            key: _number(value[key]) for key in ("low", "high", "step") if key in value
        }
    except (TypeError, ValueError) as error:
        raise MaskwrightError(
            f"The ends of `search.{name}` are numbers; got {dict(value)}."
        ) from error
    # YAML gives true and false; the text 'false' would count as true.
    is_log = value.get("log", False)
    if not isinstance(is_log, bool):
        raise MaskwrightError(f"`search.{name}.log` is true or false; got {is_log!r}.")
    limits = Range(**numbers, log=is_log)
    # Optuna cannot take steps on a logarithmic scale, nor a logarithm of zero.
    log_fits = not limits.log or (limits.low > 0 and not limits.step)
    if not limits.low < limits.high or not log_fits:
        raise MaskwrightError(
            f"`search.{name}` goes from low to a larger high; log needs low above 0 and no step;"
            f" got {dict(value)}."
        )
    return limits


def _number(value: Any) -> int | float:
    """1e-4 is text to YAML, a number to people."""
    return value if isinstance(value, int) else float(value)
