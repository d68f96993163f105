"""Conditions on rows of runs, such as `loss<0.9` or `policy=random`, and their order."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.workflows.runs.run_row import COLUMNS, RunRow

# Longer signs first: `<=` begins with `<`.
_CONDITION = re.compile(r"\s*([\w.]+)\s*(!=|<=|>=|=|<|>|~)\s*(.*?)\s*", re.DOTALL)
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """What must hold of a row.

    name: a column or a setting.
    sign: = != < <= > >= or ~, which looks for a part of the text in any case.
    value: as it was written.
    """

    name: str
    sign: str
    value: str

    def holds(self, row: RunRow) -> bool:
        """Whether it holds; what a run does not have fulfils `!=` alone."""
        found = row.value(self.name)
        if self.sign == "~":
            return found is not None and self.value.lower() in str(found).lower()
        if self.sign in _ORDERS:
            number = to_number(found)
            return number is not None and _ORDERS[self.sign](number, float(self.value))
        return _is_equal(found, self.value) == (self.sign == "=")


def parse_condition(text: str) -> Condition:
    """Read NAME, a sign and a value; raises MaskwrightError for anything else."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise MaskwrightError(
            f"--where is a name, one of = != < <= > >= ~ and a value, such as 'loss<0.9'; got"
            f" '{text}'."
        )
    condition = Condition(*match.groups())
    if condition.sign in _ORDERS and to_number(condition.value) is None:
        raise MaskwrightError(
            f"--where '{text}' compares with '{condition.value}', which is no number; use = or ~"
            " for text."
        )
    return condition


def check_names(names: Iterable[str], rows: Sequence[RunRow]) -> None:
    """Raise MaskwrightError for a name that is neither a column nor a setting of any run."""
    settings = sorted({name for row in rows for name in row.settings})
    for name in names:
        if name not in COLUMNS and name not in settings:
            near = did_you_mean(name, [*COLUMNS, *settings])
            raise MaskwrightError(
                f"No run has a column or setting '{name}'.{near}"
                f" Columns: {', '.join(COLUMNS)}; every setting of a run works too."
            )


def sort_rows(rows: Sequence[RunRow], name: str, reverse: bool) -> list[RunRow]:
    """Sort by a column or setting; runs that do not have it come last, whichever way."""
    known: list[RunRow] = []
    others: list[RunRow] = []
    for row in rows:
        value = row.value(name)
        # NaN, the loss of a run that failed, has no place among numbers.
        is_there = value is not None and value == value
        (known if is_there else others).append(row)
    known.sort(key=lambda row: _order(row.value(name)), reverse=reverse)
    return known + others


def to_number(value: Any) -> float | None:
    """A value as a number, where it is one."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_equal(found: Any, value: str) -> bool:
    """0.750 is 0.75; `none` stands for what is not there, as in a recipe."""
    if found is None:
        return value.lower() in ("none", "null", "")
    left, right = to_number(found), to_number(value)
    if left is not None and right is not None and not isinstance(found, bool):
        return left == right
    return str(found).lower() == value.lower()


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers before texts, which have no place among them."""
    number = to_number(value)
    return number is None, number or 0.0, str(value)
