"""Tables as lines of plain text, the same in a terminal, a pipe and a log file."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len


def format_table(
    rows: Sequence[Sequence[str]],
    *,
    head: Sequence[str] | None = None,
    indent: int = 2,
    gap: int = 2,
    rule: bool = False,
    numbers: bool = False,
) -> list[str]:
    """Format rows of cells as aligned lines, without spaces at their ends.

    rows: the cells; every row, and the head, has the same number of them.
    head: the headings of the columns; no line for them when None.
    indent: spaces before every line.
    gap: spaces between two columns.
    rule: draw a line of dashes under the head.
    numbers: align all columns but the first to the right.
    """
    lines = [list(row) for row in ([] if head is None else [head]) + list(rows)]
    if not lines:
        return []
    # a Chinese or Japanese letter takes two cells of a terminal, which `len` does not know
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    if rule and head is not None:
        lines.insert(1, ["-" * width for width in widths])

    formatted = []
    for line in lines:
        cells = []
        for column, (cell, width) in enumerate(zip(line, widths, strict=True)):
            padding = " " * (width - cell_len(cell))
            cells.append(padding + cell if numbers and column > 0 else cell + padding)
        formatted.append((" " * indent + (" " * gap).join(cells)).rstrip())
    return formatted
