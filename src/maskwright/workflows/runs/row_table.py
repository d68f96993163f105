"""Rows of runs as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from maskwright.support.plurals import count_of
from maskwright.support.text_table import format_table
from maskwright.workflows.runs.run_row import COLUMNS, RunRow

NOTHING = "-"
# Columns of the table: what stands over each, and how it is read of a row.
_HEADS = (
    *("run", "kind", "data", "model", "pixels", "policy", "ratio", "step"),
    *("loss", "val loss", "k-NN", "k-NN test", "top-1", "PSNR gain", "minutes", "state"),
)
# These stand in every table, also where no run has them.
_ALWAYS = frozenset({"run", "data", "policy", "ratio", "step", "loss", "state"})
_WIDEST_CELL = 48
# `train` alone says little about the data.
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
# Where a run lies is what tells runs apart, and no difference of settings.
_NO_DIFFERENCE = frozenset({"out"})


def format_rows(rows: Sequence[RunRow]) -> list[str]:
    """A line per run under a head; columns that no run has are left out."""
    cells = [_cells(row) for row in rows]
    shown = []
    for at, head in enumerate(_HEADS):
        is_filled = any(row[at] != NOTHING for row in cells)
        # All of one kind is the usual case, and then the column says nothing.
        is_plain = head == "kind" and {row.kind for row in rows} == {"pretrain"}
        if (head in _ALWAYS or is_filled) and not is_plain:
            shown.append(at)
    kept = []
    for row in cells:
        kept.append([row[at] for at in shown])
    return format_table(kept, head=[_HEADS[at] for at in shown], indent=0, rule=True)


def format_differences(rows: Sequence[RunRow]) -> list[str]:
    """The settings that differ between the runs, a column each."""
    names = differing_settings(rows)
    if not names:
        return ["All settings of these runs are equal, but for the folder."]
    cells = []
    for row in rows:
        cells.append([row.run, *(_shorten(_text(row.settings.get(name))) for name in names)])
    return format_table(cells, head=["run", *names], indent=0, rule=True)


def differing_settings(rows: Sequence[RunRow]) -> list[str]:
    """Names of settings that are not the same in all runs, in the order of config.yaml.

    A setting that some of the runs do not have differs.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.settings))
    differing = []
    for name in names:
        values = {_text(row.settings.get(name)) for row in rows}
        if len(values) > 1 and name not in _NO_DIFFERENCE:
            differing.append(name)
    return differing


def format_summary(rows: Sequence[RunRow], total: int) -> str:
    """How many runs there are in each state, and what to do about those that did not end."""
    counts = Counter(row.state for row in rows)
    listed = ", ".join(f"{count:,} {state}" for state, count in counts.most_common())
    runs = count_of(total, "run")
    shown = f"{len(rows):,} of {runs}" if len(rows) < total else runs
    text = f"{shown}: {listed}."
    if counts["dead"] or counts["silent"] or counts["stopped"]:
        text += " --resume --out RUN goes on with one that did not end."
    return text


def format_csv(rows: Sequence[RunRow], with_differences: bool) -> str:
    """Every column, and the settings that differ where they are asked for, as CSV."""
    extra = differing_settings(rows) if with_differences else []
    extra = [name for name in extra if name not in COLUMNS]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, *extra])
    for row in rows:
        writer.writerow([row.value(name) for name in (*COLUMNS, *extra)])
    return file.getvalue().rstrip("\n")


def format_json(rows: Sequence[RunRow]) -> str:
    """Every column and every setting, as a JSON list; a loss that is no number becomes null."""
    plain = []
    for row in rows:
        values = row.to_dict()
        for name, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                values[name] = None
        plain.append(values)
    return json.dumps(plain, indent=2, ensure_ascii=False)


def _cells(row: RunRow) -> list[str]:
    pixels = None
    if row.image_size is not None:
        pixels = f"{row.image_size}/{row.patch_size or '?'}"
    total = f"/{row.total_steps:,}" if row.total_steps and row.state != "finished" else ""
    state = f"{row.state} ({_shorten(row.why)})" if row.why else row.state
    return [
        row.run,
        row.kind,
        _shorten(_name(row.data)),
        _name(row.model),
        _text(pixels),
        _shorten(_text(row.policy)),
        _text(row.ratio),
        NOTHING if row.step is None else f"{row.step:,}{total}",
        _number(row.loss, 4),
        _number(row.val_loss, 4),
        _number(row.knn, 3),
        _number(row.knn_test, 3),
        _number(row.top1, 3),
        NOTHING if row.psnr_gain is None else f"{row.psnr_gain:+.2f} dB",
        _number(row.minutes, 1),
        state,
    ]


def _number(value: Any, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def _text(value: Any) -> str:
    return NOTHING if value is None else str(value)


def _name(value: Any) -> str:
    """The last part of a path, with the one before where the last is a split's name."""
    text = _text(value)
    # Names such as torchvision:STL10 stay.
    if ":" in text or text == NOTHING:
        return text
    parts = PurePath(text).parts
    kept = 2 if parts and parts[-1] in _SPLITS else 1
    return "/".join(parts[-kept:]) or text


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST_CELL else f"{line[: _WIDEST_CELL - 3]}..."
