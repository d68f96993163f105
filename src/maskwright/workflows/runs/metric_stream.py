"""The numbers of a run read as they come: what metrics.jsonl has got since it was last read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_POINTS = 1500
"""Points of a curve that is read whole: more than a screen has columns."""

# What places a row in time is no curve.
_NOT_CURVES = frozenset({"step", "epoch", "seconds", "images"})


@dataclass(frozen=True)
class MetricRows:
    """New rows of a run.

    rows: in the order in which they were written.
    position: what to give next time.
    is_whole: whether these are all rows, because it was read for the first time or because the
        file was written anew.
    """

    rows: Sequence[dict[str, Any]]
    position: str
    is_whole: bool


def read_new_rows(path: Path, position: str = "") -> MetricRows:
    """Read the rows behind a position that an earlier reading returned, else all of them.

    A last line that is half written waits for the next reading. A run that goes on after a stop
    writes its file anew; then everything is read again. A file that is not there has no rows.
    """
    try:
        with path.open("rb") as file:
            # A file that replaced another has a number of its own.
            inode = path.stat().st_ino
            start = _start(position, inode)
            # Whoever wrote it anew in place left no end of a line there.
            if start and (file.seek(start - 1) < 0 or file.read(1) != b"\n"):
                start = 0
            file.seek(start)
            data = file.read()
    except OSError:
        return MetricRows([], "", is_whole=True)
    end = data.rfind(b"\n") + 1
    rows = [row for line in data[:end].splitlines() if (row := _parse(line)) is not None]
    return MetricRows(rows, f"{inode}-{start + end}", is_whole=start == 0)


def curve_names(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The names of all numbers that can be drawn over steps, in the order of their appearance."""
    names: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, (int, float)) and name not in _NOT_CURVES:
                names[name] = None
    return list(names)


def to_curves(
    rows: Sequence[dict[str, Any]], names: Iterable[str], most: int = MOST_POINTS
) -> dict[str, list[tuple[float, float]]]:
    """Points (step, value) by name; of more than `most` an even choice with the last among them."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for name in names:
        points = [
            (row["step"], row[name]) for row in rows if "step" in row and _is_number(row.get(name))
        ]
        if len(points) > most:
            # From the end, because the last point is what is looked at.
            step = math.ceil(len(points) / most)
            points = points[::-1][::step][::-1]
        if points:
            curves[name] = points
    return curves


def _start(position: str, inode: int) -> int:
    known, _, offset = position.partition("-")
    is_same = known == str(inode) and offset.isdecimal()
    return int(offset) if is_same else 0


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None  # half a line of a killed run, which went on behind it
    return row if isinstance(row, dict) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
