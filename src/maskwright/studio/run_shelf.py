"""The rows of all runs, read again only where something has changed."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.workflows.runs.find_runs import find_runs
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.run_row import COLUMNS, RunRow, UnreadableRun, read_row

# Numbers, or None for a file that is not there.
_Marks = tuple[int | None, ...]


class RunShelf:
    """Rows by run folder; a thousand of them are looked through in a fraction of a second."""

    def __init__(self) -> None:
        self._rows: dict[Path, tuple[_Marks, RunRow, float | None]] = {}
        self._lock = threading.Lock()

    def listed(self, root: Path, known: str) -> dict[str, Any]:
        """All runs below a folder, and a version; no rows where the version is the known one."""
        rows: list[dict[str, Any]] = []
        unread: list[str] = []
        with self._lock:
            for path in find_runs(root, []):
                # A link may lead anywhere.
                if not path.resolve().is_relative_to(root):
                    continue
                name = path.relative_to(root).as_posix()
                try:
                    rows.append(self._describe(path, name))
                except UnreadableRun as error:
                    unread.append(f"{name}: {error}")
        version = hash_strings([json.dumps(rows), *unread])
        if version == known:
            return {"version": version, "rows": None}
        return {"version": version, "rows": rows, "unread": unread}

    def row(self, path: Path, name: str) -> RunRow:
        """The row of one run; raises MaskwrightError for what is none."""
        if not RunFolder(path).exists:
            raise MaskwrightError("There is no such run.")
        return read_row(path, name)

    def _describe(self, path: Path, name: str) -> dict[str, Any]:
        marks = _marks(path)
        known = self._rows.get(path)
        # Whether a run that calls itself running still is depends on the clock too.
        if known is None or known[0] != marks or known[1].state == "running":
            known = (marks, read_row(path, name), _baseline(path))
            self._rows[path] = known
        _, row, baseline = known
        columns = {column: getattr(row, column) for column in COLUMNS}
        return {**columns, "run": name, "baseline": baseline}


def _baseline(path: Path) -> float | None:
    """The loss of the better fill that learns nothing: what a run has to come below."""
    baselines = RunFolder(path).status().get("baselines") or {}
    numbers = [value for value in baselines.values() if isinstance(value, (int, float))]
    return min(numbers, default=None)


def _marks(path: Path) -> _Marks:
    """The times of change of everything that a row is read from."""
    folder = RunFolder(path)
    marks: list[int | None] = []
    for place in (folder.status_file, folder.config, folder.metrics_file, folder.eval):
        try:
            marks.append(place.stat().st_mtime_ns)
        except OSError:
            marks.append(None)
    return tuple(marks)
