"""Numbers of a run read as they come: nothing twice, nothing lost, whatever happens to the file."""

from __future__ import annotations

import json
from pathlib import Path

from maskwright.workflows.runs.metric_stream import curve_names, read_new_rows, to_curves
from maskwright.workflows.runs.run_folder import RunFolder


def steps(part: object) -> list[int]:
    return [row["step"] for row in part.rows]  # type: ignore[attr-defined]


def test_every_row_comes_once_and_half_a_line_waits(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    assert read_new_rows(file).rows == []
    file.write_text('{"step": 1}\n{"step": 2}\n{"st')
    first = read_new_rows(file)
    assert (steps(first), first.is_whole) == ([1, 2], True)
    again = read_new_rows(file, first.position)
    assert (steps(again), again.is_whole) == ([], False)
    with file.open("a") as opened:
        opened.write('ep": 3}')
    # Whole to the eye, but its line has not ended: it would come twice.
    waiting = read_new_rows(file, again.position)
    assert steps(waiting) == []
    with file.open("a") as opened:
        opened.write("\n")
    assert steps(read_new_rows(file, waiting.position)) == [3]


def test_a_run_that_goes_on_is_read_anew(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for step in (1, 2, 3):
        run.append_metrics({"step": step})
    position = read_new_rows(run.metrics_file).position
    run.cut_metrics(2)
    run.append_metrics({"step": 3})
    part = read_new_rows(run.metrics_file, position)
    assert (steps(part), part.is_whole) == ([1, 2, 3], True)
    # Cut in place, as an editor does, and longer than before.
    position = part.position
    run.metrics_file.write_text('{"step": 10, "loss": 0.123456}\n{"step": 11, "loss": 0.5}\n')
    assert steps(read_new_rows(run.metrics_file, position)) == [10, 11]
    assert steps(read_new_rows(run.metrics_file, "nonsense")) == [10, 11]


def test_long_curves_are_thinned_and_keep_their_last_point() -> None:
    rows = [{"step": step, "loss": 1 / step, "epoch": 1} for step in range(1, 1001)]
    rows.append({"step": 1001, "loss": float("nan"), "note": "text"})
    curves = to_curves(rows, ["loss", "missing"], most=100)
    assert list(curves) == ["loss"]
    assert len(curves["loss"]) <= 100
    assert curves["loss"][-1] == (1000, 0.001)
    assert curve_names(rows) == ["loss"]
    assert json.dumps(curves)
