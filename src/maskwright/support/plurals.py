"""Numbers of things in words."""

from __future__ import annotations


def count_of(number: int, noun: str) -> str:
    """`1 seed`, `2 seeds`, `1,200 seeds`; noun: in the singular, with a plain s for many."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
