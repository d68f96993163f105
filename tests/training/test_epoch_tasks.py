"""Which measurements are due at the end of an epoch, and that the best epoch, not the last one, is
kept.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from maskwright.training.checkpoints import Checkpoints
from maskwright.training.epoch_tasks import EpochTask, EpochTasks, frozen


class MadeUpTrainer(SimpleNamespace):
    """What the callback asks of the trainer; `written` holds the epoch at each write of a
    checkpoint.
    """

    def __init__(self) -> None:
        super().__init__(
            current_epoch=0,
            global_step=0,
            should_stop=False,
            is_global_zero=True,
            average=None,
            precision=SimpleNamespace(forward_context=torch.no_grad),
            written=[],
        )

    def save_checkpoint(self, module: nn.Module, path: Path) -> None:
        self.written.append((path.name, self.current_epoch + 1))


def run(tasks: EpochTasks, trainer: MadeUpTrainer, epochs: int) -> None:
    for epoch in range(epochs):
        trainer.current_epoch = epoch
        tasks.on_train_epoch_end(trainer, nn.Identity())  # type: ignore[arg-type]


def build(
    found: dict[int, float], every: int | None = 1, last: int | None = None
) -> tuple[Any, list]:
    rows: list[dict[str, Any]] = []
    task = EpochTask("knn", every, lambda module, epoch: {"knn_top1": found[epoch]})
    checkpoints = Checkpoints(Path("nowhere"), [], 1e9, lambda: False)
    return EpochTasks([task], rows.append, checkpoints, last), rows


def test_the_epoch_with_the_largest_number_is_kept() -> None:
    tasks, rows = build({1: 0.3, 2: 0.7, 3: 0.5, 4: 0.7, 5: 0.6})
    trainer = MadeUpTrainer()
    run(tasks, trainer, 5)
    assert [row["knn_top1"] for row in rows] == [0.3, 0.7, 0.5, 0.7, 0.6]
    assert trainer.written == [("best_knn.ckpt", 1), ("best_knn.ckpt", 2)]


def test_a_resumed_training_remembers_the_best_of_its_first_part() -> None:
    before, _ = build({1: 0.7})
    run(before, MadeUpTrainer(), 1)
    after, _ = build({1: 0.5, 2: 0.8})
    after.load_state_dict(before.state_dict())
    trainer = MadeUpTrainer()
    run(after, trainer, 2)
    assert trainer.written == [("best_knn.ckpt", 2)]


def test_tasks_are_due_at_their_pace_and_at_the_first_and_last_epoch() -> None:
    tasks, rows = build(dict.fromkeys(range(1, 8), 0.5), every=3, last=7)
    run(tasks, MadeUpTrainer(), 7)
    assert [row["epoch"] for row in rows] == [1, 3, 6, 7]


def test_where_minutes_decide_looking_takes_a_twentieth_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An epoch of 10 seconds, and a look of 4: after 80 seconds the first one is paid for."""
    now = 0.0
    monkeypatch.setattr("maskwright.training.epoch_tasks.time.monotonic", lambda: now)

    def look(module: Any, epoch: int) -> dict[str, float]:
        nonlocal now
        now += 4
        return {"knn_top1": 0.5}

    tasks, rows = build({}, every=None)
    tasks.tasks = [EpochTask("knn", None, look)]
    trainer, module = MadeUpTrainer(), nn.Identity()
    for epoch in range(20):
        now += 10
        trainer.current_epoch = epoch
        module.clock = SimpleNamespace(seconds=now)  # type: ignore[assignment]
        tasks.on_train_epoch_end(trainer, module)  # type: ignore[arg-type]
        # Stopped and resumed: what was spent is remembered.
        kept = tasks.state_dict()
        tasks.seconds = 0.0
        tasks.load_state_dict(kept)
    assert [row["epoch"] for row in rows] == [1, 8, 16]


def test_a_stop_that_somebody_asked_for_is_not_the_last_epoch() -> None:
    tasks, rows = build(dict.fromkeys(range(1, 3), 0.5), every=5)
    trainer = MadeUpTrainer()
    run(tasks, trainer, 1)
    trainer.should_stop, tasks.checkpoints.stop_requested, trainer.current_epoch = True, True, 1
    tasks.on_train_epoch_end(trainer, nn.Identity())
    assert [row["epoch"] for row in rows] == [1]
    tasks.checkpoints.stop_requested = False  # the clock has ended the training instead
    tasks.on_train_epoch_end(trainer, nn.Identity())
    assert [row["epoch"] for row in rows] == [1, 2]


def test_measuring_leaves_the_module_as_it_was_even_after_an_error() -> None:
    module = nn.Dropout()

    def measure() -> None:
        with frozen(module):
            assert not module.training
            assert not torch.is_grad_enabled()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        measure()
    assert module.training
    assert torch.is_grad_enabled()
