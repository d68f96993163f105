"""Work on the frozen model at the end of some epochs: held-out loss, pictures, k-NN."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from maskwright.training.callback import Callback
from maskwright.training.checkpoints import Checkpoints
from maskwright.training.recorder import Row
from maskwright.training.trainer import Trainer

# Where minutes end a training, so much of them goes into looking at it: k-NN after each epoch of a
# few pictures took two thirds of the time (docs/log.md).
SHARE_FOR_LOOKING = 0.05


@dataclass(frozen=True)
class EpochTask:
    """A measurement with its own pace.

    name: what it is called.
    every: epochs between two runs; None: as often as `SHARE_FOR_LOOKING` of the time allows.
    run: takes the module and the epoch and returns numbers for the record.
    """

    name: str
    every: int | None
    run: Callable[[Any, int], Row]


class EpochTasks(Callback):
    """Runs due tasks on rank 0 with the model in evaluation mode, and keeps the best epoch.

    All tasks run after the first and the last epoch. Where the weights are averaged, the average is
    what checkpoints keep, so it is what is measured.
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
        """Remember what to run.

        emit: receives the row of numbers of an epoch.
        checkpoints: knows whether an epoch was cut short, and where files go.
        last_epoch: the epoch in which the training ends; None where minutes decide.
        best: the number whose largest value decides which epoch is kept.
        kept_as: the name of that epoch's checkpoint.
        """
        self.tasks = tasks
        self.emit = emit
        self.checkpoints = checkpoints
        self.last_epoch = last_epoch
        self.best_of = best
        self.kept_as = kept_as
        self.best = float("-inf")
        self.seconds = 0.0  # spent on tasks so far

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        if self.checkpoints.interrupted:
            return
        epoch = trainer.current_epoch + 1
        # A stop that somebody asked for is resumed later: that epoch is not the last.
        is_over = trainer.should_stop and not self.checkpoints.stop_requested
        is_last = is_over or epoch == self.last_epoch
        is_always = is_last or epoch == 1
        due = [task for task in self.tasks if is_always or self._is_due(task, epoch, module)]

        begun = time.monotonic()
        row: Row = {"step": trainer.global_step, "epoch": epoch}
        if due and trainer.is_global_zero:
            with (
                kept_weights(trainer, module),
                frozen(module),
                trainer.precision.forward_context(),
            ):
                for task in due:
                    row |= task.run(module, epoch)
            self.emit(row)
        self.seconds += time.monotonic() - begun

        # Only the first process has measured, and it alone writes.
        if row.get(self.best_of, float("-inf")) > self.best:
            self.best = row[self.best_of]
            trainer.save_checkpoint(module, self.checkpoints.folder / f"{self.kept_as}.ckpt")

    def _is_due(self, task: EpochTask, epoch: int, module: Any) -> bool:
        if task.every is not None:
            return epoch % task.every == 0
        elapsed: float = module.clock.seconds
        return self.seconds <= SHARE_FOR_LOOKING * elapsed

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]
        # Earlier versions did not count them.
        self.seconds = state_dict.get("seconds", 0.0)


def kept_weights(trainer: Trainer, module: torch.nn.Module) -> AbstractContextManager[None]:
    """The weights that a checkpoint would keep, in the module while it is measured."""
    return nullcontext() if trainer.average is None else trainer.average.in_place(module)


@contextmanager
def frozen(module: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; the earlier mode comes back."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad(), _not_compiled(module):
            yield
    finally:
        module.train(was_training)


def _not_compiled(module: torch.nn.Module) -> AbstractContextManager[Any]:
    """A compiled model runs as it is while it is measured.

    It would be compiled again without gradients and for batches of other sizes, which takes longer
    than measuring.
    """
    is_compiled = any(part._compiled_call_impl is not None for part in module.modules())
    # Not asked for otherwise: it imports the compiler, which takes seconds.
    return torch.compiler.set_stance("force_eager") if is_compiled else nullcontext()
