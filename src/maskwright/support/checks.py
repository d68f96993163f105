"""Checks of single values at the door, each with a sentence that names the value."""

from __future__ import annotations

from maskwright.support.errors import MaskwrightError, did_you_mean


def check_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise MaskwrightError unless `value` is one of the known words."""
    if value not in known:
        raise MaskwrightError(
            f"{name} is one of {', '.join(known)}; got '{value}'.{did_you_mean(value, known)}"
        )


def check_inside(name: str, value: float, low: float, high: float) -> None:
    """Raise MaskwrightError unless low <= value <= high."""
    if not low <= value <= high:
        raise MaskwrightError(f"{name} lies between {low:g} and {high:g}; got {value:g}.")


def check_at_least(name: str, value: float | None, least: float) -> None:
    """Raise MaskwrightError when a number is given and below `least`."""
    if value is not None and value < least:
        raise MaskwrightError(f"{name} is at least {least:g}; got {value:g}.")
