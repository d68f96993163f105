"""The last numbers of a run, from the end of metrics.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Names of numbers that each stand in rows of their own.
_NUMBERS = ("loss", "val_loss", "knn_top1", "step", "seconds")


def last_numbers(path: Path) -> dict[str, float]:
    """The last value of loss, val_loss, knn_top1, step and seconds, and the `pause` before.

    pause: seconds of training between the last two rows that have them.

    Numbers that were never written are left out, and so is a last line that is half written.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    found: dict[str, float] = {}
    for name in _NUMBERS:
        row, start = _last_row(data, name, len(data))
        if name not in row:
            continue
        found[name] = row[name]
        if name == "seconds":
            before, _ = _last_row(data, name, start)
            found["pause"] = row[name] - before.get(name, 0.0)
    return found


def _last_row(data: bytes, name: str, end: int) -> tuple[dict[str, Any], int]:
    """The last whole row before `end` that has a number of that name, and where it begins."""
    mark = f'"{name}": '.encode()
    while (at := data.rfind(mark, 0, end)) >= 0:
        start = data.rfind(b"\n", 0, at) + 1
        stop = data.find(b"\n", at)
        line = data[start : len(data) if stop < 0 else stop]
        try:
            row = json.loads(line)
        except ValueError:
            end = start  # half a line: a killed run leaves one
            continue
        return (row, start) if isinstance(row, dict) else ({}, start)
    return {}, 0
