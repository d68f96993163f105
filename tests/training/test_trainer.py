"""The loop: what a step is made of, who is called when, and that it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from maskwright.data.loader import Batch
from maskwright.support.on_device import move_batch
from maskwright.training.callback import Callback
from maskwright.training.clock import Clock
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.stepped import SteppedModule
from maskwright.training.trainer import Machine, Trainer

CPU = torch.device("cpu")


class Line(SteppedModule):
    """One weight; the gradient of a batch's loss is the batch itself."""

    def __init__(self, steps: int) -> None:
        super().__init__(Clock(steps), LearningRate(0.5), 0.0, {"images": 0}, {})
        self.weight = nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Tensor) -> Tensor:
        loss = self.weight * batch
        self.latest = {"loss": loss.detach()}
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD([self.weight], lr=1.0)


class Numbers:
    """The batches 1, 2, 3 ... of every epoch, from a place that can be set."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.done = 0
        self.epochs: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Tensor]:
        begin, self.done = self.done, 0
        return (torch.tensor(float(number + 1)) for number in range(begin, self.count))

    def set_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)


class Log(Callback):
    """Writes down every call and the weight's moves, and stops after some steps."""

    def __init__(self, steps: int, save: Path | None = None) -> None:
        self.steps = steps
        self.save = save
        self.calls: list[str] = []
        self.moves: list[float] = []
        self._before = 0.0

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        self._before = float(module.weight.detach())
        self.calls.append("start")

    def on_train_epoch_start(self, trainer: Trainer, module: Any) -> None:
        self.calls.append(f"epoch {trainer.current_epoch}")

    def on_train_batch_end(self, trainer: Trainer, module: Any) -> None:
        self.calls.append(f"batch {module.batches_done}, step {trainer.global_step}")
        after = float(module.weight.detach())
        if after != self._before:
            rate = trainer.optimizer.param_groups[0]["lr"]
            self.moves.append((self._before - after) / rate)
        self._before = after
        trainer.should_stop = trainer.global_step >= self.steps
        if trainer.should_stop and self.save is not None:
            trainer.save_checkpoint(module, self.save)

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        self.calls.append("epoch over")

    def on_train_end(self, trainer: Trainer, module: Any) -> None:
        self.calls.append("end")

    def on_exception(self, trainer: Trainer, module: Any) -> None:
        self.calls.append("error")


def machine(accumulate: int = 1, precision: str = "32-true") -> Machine:
    return Machine(device=CPU, precision=precision, accumulate=accumulate)


@pytest.mark.parametrize(
    ("accumulate", "count", "means"),
    [(1, 3, [1, 2, 3]), (2, 4, [1.5, 3.5]), (3, 5, [2, 4.5]), (8, 3, [2])],
)
def test_a_step_follows_the_mean_gradient_of_the_batches_that_it_has(
    accumulate: int, count: int, means: list[float]
) -> None:
    """At the end of an epoch fewer batches than `accumulate` may be left; they count in full."""
    log = Log(len(means))
    Trainer(machine(accumulate), [log]).fit(Line(len(means)), Numbers(count))
    assert log.moves == pytest.approx(means, rel=1e-6)


def test_callbacks_hear_everything_in_order() -> None:
    log, numbers = Log(3), Numbers(2)
    Trainer(machine(), [log]).fit(Line(3), numbers)
    assert log.calls == [
        "start",
        "epoch 0",
        "batch 1, step 1",
        "batch 2, step 2",
        "epoch over",
        "epoch 1",
        "batch 1, step 3",
        "epoch over",
        "end",
    ]
    assert numbers.epochs == [0, 1]


def test_an_error_is_heard_and_passed_on() -> None:
    log, module = Log(3), Line(3)
    module.training_step = lambda batch: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        Trainer(machine(), [log]).fit(module, Numbers(2))
    assert log.calls == ["start", "epoch 0", "error"]


@pytest.mark.parametrize("stop", [1, 2, 3])
@pytest.mark.parametrize("average", [0.0, 0.5])
def test_a_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(
    tmp_path: Path, stop: int, average: float
) -> None:
    whole, part, rest = Line(5), Line(5), Line(5)
    straight = Trainer(machine(), [Log(5, tmp_path / "whole.ckpt")], average)
    straight.fit(whole, Numbers(3))
    Trainer(machine(), [Log(stop, tmp_path / "part.ckpt")], average).fit(part, Numbers(3))
    numbers = Numbers(3)
    numbers.done = stop % 3
    resumed = Trainer(machine(), [Log(5, tmp_path / "rest.ckpt")], average)
    resumed.fit(rest, numbers, tmp_path / "part.ckpt")
    ends = [torch.load(tmp_path / f"{name}.ckpt") for name in ("whole", "rest")]
    assert ends[0]["state_dict"] == ends[1]["state_dict"]
    assert torch.equal(rest.weight, whole.weight)
    # What is kept is the average, where there is one.
    assert (float(ends[0]["state_dict"]["weight"]) != whole.weight.item()) == bool(average)


def test_a_moving_average_begins_at_the_first_weights_and_moves_by_its_share(
    tmp_path: Path,
) -> None:
    seen: list[float] = []

    class Watch(Log):
        def on_train_batch_end(self, trainer: Trainer, module: Any) -> None:
            seen.append(float(module.weight.detach()))
            super().on_train_batch_end(trainer, module)

    Trainer(machine(), [Watch(3, tmp_path / "end.ckpt")], 0.75).fit(Line(3), Numbers(3))
    expected = seen[0]
    for value in seen[1:]:
        expected += 0.25 * (value - expected)
    kept = torch.load(tmp_path / "end.ckpt")
    assert float(kept["state_dict"]["weight"]) == pytest.approx(expected)
    assert float(kept["current_model_state"]["weight"]) == pytest.approx(seen[-1])


def test_a_batch_moves_as_a_whole_and_keeps_what_is_no_tensor() -> None:
    batch = Batch(
        torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
        torch.arange(2),
        None,
        {"foreground": torch.ones(2, 4)},
        torch.zeros(2, 5),
        ("a", "b"),
    )
    moved = move_batch(batch, torch.device("meta"))
    assert isinstance(moved, Batch)
    assert moved.images.device.type == moved.priors["foreground"].device.type == "meta"
    assert moved.labels is None
    assert moved.keys == ("a", "b")
