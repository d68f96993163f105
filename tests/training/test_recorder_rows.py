"""The rows of a training: means since the last row, speed from pictures and time, and one row for
each step that is due.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from maskwright.support.reporting import LogReporter
from maskwright.training.clock import Clock
from maskwright.training.group import ALONE
from maskwright.training.recorder import Recorder, RowSettings


class MadeUpTraining:
    """A trainer and a module as the recorder sees them; each step takes a loss and
    eight pictures.
    """

    def __init__(self, every: int, total: int, world_size: int = 1) -> None:
        self.rows: list[dict[str, Any]] = []
        self.recorder = Recorder(
            self.rows.append,
            LogReporter(visible=False),
            RowSettings(every=every, beside="beside", epochs=None),
        )
        rates = SimpleNamespace(param_groups=[{"lr": 0.5}])
        self.trainer: Any = SimpleNamespace(
            global_step=0,
            current_epoch=0,
            is_global_zero=True,
            world_size=world_size,
            optimizer=rates,
            group=ALONE,
        )
        counts = {"images": 0, "skipped_steps": 0}
        self.module: Any = SimpleNamespace(
            clock=Clock(total), counts=counts, latest={}, processes=world_size, totals=self.totals
        )
        self.recorder.on_train_start(self.trainer, self.module)

    def totals(self) -> dict[str, int]:
        """Counts of all processes together, as the module gives them."""
        return {name: count * self.trainer.world_size for name, count in self.module.counts.items()}

    def batch(self, loss: float, *, steps: bool = True) -> None:
        self.recorder.on_train_batch_start(self.trainer, self.module)
        self.module.latest = {"loss": torch.tensor(loss), "grad_norm": torch.tensor(2 * loss)}
        self.module.counts["images"] += 8
        self.trainer.global_step += steps
        self.recorder.on_train_batch_end(self.trainer, self.module)


def test_a_row_holds_the_mean_loss_since_the_last_row_and_other_numbers_of_its_own_step() -> None:
    training = MadeUpTraining(every=2, total=5)
    for loss in (5.0, 1.0, 2.0, 4.0, 7.0):
        training.batch(loss)
    reported = [(row["step"], row["loss"], row["grad_norm"]) for row in training.rows]
    assert reported == [(1, 5.0, 10.0), (2, 1.0, 2.0), (4, 3.0, 8.0), (5, 7.0, 14.0)]
    assert [row["images"] for row in training.rows] == [8, 16, 32, 40]
    assert training.rows[0]["lr"] == 0.5


def test_batches_that_wait_for_one_step_give_one_row() -> None:
    training = MadeUpTraining(every=1, total=2)
    for loss, steps in ((1.0, False), (3.0, True), (5.0, False), (9.0, True)):
        training.batch(loss, steps=steps)
    assert [(row["step"], row["loss"]) for row in training.rows] == [(1, 2.0), (2, 7.0)]


def test_pictures_of_all_processes_are_counted_and_other_processes_write_nothing() -> None:
    training = MadeUpTraining(every=1, total=1, world_size=4)
    training.batch(1.0)
    assert training.rows[0]["images"] == 4 * 8
    other = MadeUpTraining(every=1, total=1, world_size=4)
    other.trainer.is_global_zero = False
    other.batch(1.0)
    assert other.rows == []


def test_speed_is_pictures_over_the_time_of_steps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("maskwright.training.recorder.time.perf_counter", lambda: now[0])
    training = MadeUpTraining(every=2, total=4)
    trainer, module, recorder = training.trainer, training.module, training.recorder
    training.batch(1.0)  # the row of the first step
    now[0] += 100  # measurements between two epochs are neither training nor waiting
    recorder.on_train_epoch_start(trainer, module)
    now[0] += 1  # for pictures
    recorder.on_train_batch_start(trainer, module)
    now[0] += 3  # the step
    module.counts["images"] += 8
    trainer.global_step += 1
    recorder.on_train_batch_end(trainer, module)
    row = training.rows[-1]
    assert (row["step"], row["images_per_s"], row["data_wait"]) == (2, 8 / 4, 1 / 4)
    # Of all the time so far, so that a training that hardly trains is seen.
    assert row["measuring"] == 100 / 104
