"""When a training writes its state: every few minutes, per epoch, and when asked to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from maskwright.training.callback import Callback
from maskwright.training.trainer import Trainer


class Checkpoints(Callback):
    """Keeps `last.ckpt` fresh and `epoch_NNNN.ckpt` for some epochs, and ends the training.

    It ends when `wants_stop` says so or when the module's clock is over.
    """

    def __init__(
        self, folder: Path, keep: Collection[int], seconds: float, wants_stop: Callable[[], bool]
    ) -> None:
        """Remember what to write and when.

        folder: where checkpoints go.
        keep: epochs whose checkpoints stay.
        seconds: longest time between two writes of last.ckpt.
        wants_stop: called after every step.
        """
        self.folder = folder
        self.keep = frozenset(keep)
        self.seconds = seconds
        self.wants_stop = wants_stop
        self.stop_requested = False
        # True when the stop falls inside an epoch: last.ckpt is written there, and what usually
        # happens at the end of an epoch must not happen.
        self.interrupted = False
        self._written = time.monotonic()

    @property
    def last(self) -> Path:
        return self.folder / "last.ckpt"

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        # All processes begin at the same time of the same clock.
        self._hear(trainer, module)

    def on_train_batch_end(self, trainer: Trainer, module: Any) -> None:
        stop, is_due = self._hear(trainer, module)
        within_epoch = module.batches_done < trainer.num_training_batches
        # Gradients that wait for more batches are not in a checkpoint, so nothing is written or
        # decided in the middle of an accumulation.
        if within_epoch and module.batches_done % trainer.accumulate:
            return

        # Inside an epoch; its end has a hook of its own below.
        if within_epoch and (stop or is_due):
            self._write(trainer, module, self.last)
        self.stop_requested = stop
        self.interrupted = stop and within_epoch
        trainer.should_stop = stop or module.clock.is_over(trainer.global_step)

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        # It is also called when a stop has cut the epoch short.
        if self.interrupted:
            return
        self._write(trainer, module, self.last)
        epoch = trainer.current_epoch + 1
        if epoch in self.keep:
            self._write(trainer, module, self.folder / f"epoch_{epoch:04d}.ckpt")

    def on_data_error(self, trainer: Trainer, module: Any) -> None:
        """Keep what was trained since the last write: the pictures may come back."""
        # Before an epoch's first batch there is nothing new, and the end of an epoch is written.
        done = module.batches_done
        if 0 < done < trainer.num_training_batches and done % trainer.accumulate == 0:
            self._write(trainer, module, self.last)

    def _hear(self, trainer: Trainer, module: Any) -> tuple[bool, bool]:
        """Whether to stop and whether to write, the same on all processes.

        Anybody may ask to stop. Time and the pace of writing are the first process's: clocks of
        several would let learning rates and ends drift apart.
        """
        stop, is_due = self.wants_stop(), time.monotonic() - self._written > self.seconds
        if trainer.group.world_size == 1:
            return stop, is_due
        # One small message a step carries all three.
        leads = float(trainer.is_global_zero)
        seconds = module.clock.now()
        said = trainer.group.total([float(stop), leads * is_due, leads * seconds])
        module.clock.set(said[2])
        return said[0] > 0, said[1] > 0

    def _write(self, trainer: Trainer, module: Any, path: Path) -> None:
        trainer.save_checkpoint(module, path)
        self._written = time.monotonic()
