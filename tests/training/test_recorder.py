"""Rows of numbers: what they average, and that an interruption does not show in them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from maskwright.support.reporting import LogReporter
from maskwright.training.clock import Clock
from maskwright.training.group import ALONE
from maskwright.training.recorder import Recorder, Row, RowSettings


class RecordedRows(list[Row]):
    """A training pretended: each step has the loss that is handed over."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.recorder = Recorder(
            self.append,
            LogReporter(visible=False),
            RowSettings(every=every, beside="", epochs=None),
        )
        self.module = SimpleNamespace(
            totals=lambda: {"images": 0}, latest={}, clock=Clock(100), processes=1
        )
        rate = SimpleNamespace(param_groups=[{"lr": 0.1}])
        self.trainer: Any = SimpleNamespace(
            global_step=0, current_epoch=0, is_global_zero=True, optimizer=rate, group=ALONE
        )

    def step(self, *losses: float) -> None:
        """One optimizer step of several batches; it counts when the last of them is done."""
        for place, loss in enumerate(losses):
            self.module.latest = {"loss": torch.tensor(loss)}
            self.trainer.global_step += place == len(losses) - 1
            self.recorder.on_train_batch_end(self.trainer, self.module)


def start(every: int, step: int = 0, state: dict[str, Any] | None = None) -> RecordedRows:
    rows = RecordedRows(every)
    rows.trainer.global_step = step
    if state is not None:
        rows.recorder.load_state_dict(state)
    rows.recorder.on_train_start(rows.trainer, rows.module)
    return rows


def numbers(rows: list[Row]) -> list[tuple[int, float]]:
    return [(row["step"], round(row["loss"], 6)) for row in rows]


def test_a_row_is_the_mean_since_the_last_one() -> None:
    rows = start(every=2)
    for loss in (1.0, 2.0, 4.0, 6.0, 8.0):
        rows.step(loss)
    assert numbers(rows) == [(1, 1.0), (2, 2.0), (4, 5.0)]


@pytest.mark.parametrize("stop", range(1, 6))
@pytest.mark.parametrize("every", [1, 2, 3])
def test_an_interruption_does_not_show_in_the_rows(stop: int, every: int) -> None:
    """Two batches a step, so that the first batch after the interruption ends no step."""
    steps = [(1.0, 2.0), (3.0, 5.0), (7.0, 11.0), (13.0, 17.0), (19.0, 23.0), (29.0, 31.0)]
    whole = start(every)
    for losses in steps:
        whole.step(*losses)
    first = start(every)
    for losses in steps[:stop]:
        first.step(*losses)
    state = json.loads(json.dumps(first.recorder.state_dict()))
    second = start(every, stop, state)
    for losses in steps[stop:]:
        second.step(*losses)
    assert numbers([*first, *second]) == numbers(whole)


def test_a_checkpoint_without_a_state_of_the_rows_begins_no_step_twice() -> None:
    rows = start(every=1, step=3)
    rows.step(1.0, 2.0)
    assert [row["step"] for row in rows] == [4]


def test_a_dropped_step_takes_no_part_in_the_mean() -> None:
    rows = start(every=3)
    for loss in (1.0, float("nan"), 2.0, float("inf"), float("nan"), float("nan")):
        rows.step(loss)
    assert [row["loss"] for row in rows][:2] == [1.0, 2.0]
    assert not torch.isfinite(torch.tensor(rows[2]["loss"]))


def test_a_checkpoint_with_the_earlier_name_of_the_last_row_goes_on() -> None:
    rows = start(every=1, step=3, state={"told": 3, "losses": [2.0]})
    rows.step(4.0)
    assert numbers(rows) == [(4, 3.0)]
