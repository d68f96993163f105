"""Work that is done on the frozen model at the end of some epochs: held-out loss,
pictures, k-NN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import WeightAveraging

from maskwright.training.checkpoints import Checkpoints, agreed
from maskwright.training.recorder import Row


@dataclass(frozen=True)
class EpochTask:
    """A measurement with its own pace: `run(module, epoch)` returns numbers for the record."""

    name: str
    every: int
    run: Callable[[Any, int], Row]


class EpochTasks(Callback):
    """Runs due tasks on rank 0 with the model in evaluation mode, always after the first and the
    last epoch; keeps the best k-NN.

    Where a callback averages the weights, the average is what checkpoints keep, so it is what is
    measured.
    """

    def __init__(
        self,
        tasks: Sequence[EpochTask],
        emit: Callable[[Row], None],
        checkpoints: Checkpoints,
        last_epoch: int | None,
        best: str = "knn_top1",
        kept_as: str = "best_knn",
    ) -> None:
        """best: the number whose largest value decides which epoch is kept as `kept_as`.ckpt."""
        self.tasks, self.emit, self.checkpoints, self.last_epoch = (
            tasks,
            emit,
            checkpoints,
            last_epoch,
        )
        self.best_of, self.kept_as = best, kept_as
        self.best = float("-inf")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self.checkpoints.interrupted:
            return
        epoch = trainer.current_epoch + 1
        final = (trainer.should_stop and not self.checkpoints.asked) or epoch == self.last_epoch
        due = [task for task in self.tasks if final or epoch == 1 or epoch % task.every == 0]
        row: Row = {"step": trainer.global_step, "epoch": epoch}
        if due and trainer.is_global_zero:
            with (
                kept_weights(trainer, pl_module),
                frozen(pl_module),
                trainer.precision_plugin.forward_context(),
            ):
                for task in due:
                    row |= task.run(pl_module, epoch)
            self.emit(row)
        if agreed(trainer, row.get(self.best_of, float("-inf")) > self.best):
            self.best = row.get(self.best_of, self.best)
            trainer.save_checkpoint(
                self.checkpoints.folder / f"{self.kept_as}.ckpt", weights_only=False
            )

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]


@contextmanager
def kept_weights(trainer: Trainer, module: Any) -> Iterator[None]:
    """Put the weights that a checkpoint would keep into the module, and those in training back
    again.
    """
    averages = [one for one in trainer.callbacks if isinstance(one, WeightAveraging)]  # type: ignore[attr-defined]
    for average in averages:
        average.on_validation_epoch_start(trainer, module)  # the hooks that swap both
    try:
        yield
    finally:
        for average in averages:
            average.on_validation_epoch_end(trainer, module)


@contextmanager
def frozen(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the earlier mode comes back."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(was_training)
