"""Numbers of things in words."""

from __future__ import annotations


def count_of(number: float, noun: str) -> str:
    """`1 seed`, `2 seeds`, `1,200 seeds`, `1.5 hours`.

    noun: in the singular, with a plain s for many.
    """
    shown = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{shown} {noun}" if number == 1 else f"{shown} {noun}s"
