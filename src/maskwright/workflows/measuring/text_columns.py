"""Columns of text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def align_columns(rows: Sequence[Sequence[str]], gap: int) -> list[str]:
    """One indented line per row, cells of a column below each other, `gap` spaces between them."""
    # The widest cell of each column sets its width.
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        # The last column needs no padding.
        lines.append("  " + (" " * gap).join(cells).rstrip())
    return lines
