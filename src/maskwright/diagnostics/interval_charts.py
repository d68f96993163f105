"""Lines and bars with their intervals, from the tables that diagnostics keep."""

from __future__ import annotations

from collections.abc import Mapping

from maskwright.visual.charts import Bars, Line

Steps = Mapping[str, Mapping[str, float | None]]
"""By step or group: value, low and high; null where there is no number."""


def interval_line(label: str, steps: Steps) -> Line:
    """A line over named steps with its band."""
    return Line(
        label, tuple(steps), _ends(steps, "value"), _ends(steps, "low"), _ends(steps, "high")
    )


def interval_bars(label: str, groups: Steps, *, is_reference: bool = False) -> Bars:
    """A bar for each named group with its interval; a reference is drawn in gray."""
    return Bars(
        label,
        tuple(groups),
        _ends(groups, "value"),
        _ends(groups, "low"),
        _ends(groups, "high"),
        is_reference,
    )


def _ends(steps: Steps, end: str) -> tuple[float, ...]:
    numbers = [step[end] for step in steps.values()]
    # JSON has no NaN, so tables hold null for what does not exist.
    return tuple(float("nan") if number is None else number for number in numbers)
