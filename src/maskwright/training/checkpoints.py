"""When a training writes its state: every few minutes, at the end of an epoch, at chosen epochs,
and when asked to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from lightning import Callback, Trainer
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from maskwright.support.torch_files import write_torch


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the old one and swaps them, so that a full disk or a crash never
    costs the old one.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        write_torch(path, checkpoint)


class Checkpoints(Callback):
    """Keeps `last.ckpt` fresh and `epoch_NNNN.ckpt` for the epochs asked for; ends the training
    when `wants_stop` says so.
    """

    def __init__(
        self, folder: Path, keep: Collection[int], seconds: float, wants_stop: Callable[[], bool]
    ) -> None:
        """seconds: longest time between two writes of last.ckpt; wants_stop: asked after every
        step.
        """
        self.folder, self.keep, self.seconds, self.wants_stop = (
            folder,
            frozenset(keep),
            seconds,
            wants_stop,
        )
        self.asked = False  # to stop
        self.interrupted = (
            False  # inside an epoch: last.ckpt is written and the end of the epoch is not one
        )
        self._written = time.monotonic()

    @property
    def last(self) -> Path:
        return self.folder / "last.ckpt"

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        stop = agreed(trainer, self.wants_stop())
        done = batch_idx + 1
        within_epoch = done < trainer.num_training_batches
        if within_epoch and done % trainer.accumulate_grad_batches:
            return  # gradients that wait for more batches are not in a checkpoint
        if within_epoch and (
            stop or agreed(trainer, time.monotonic() - self._written > self.seconds)
        ):
            self._write(trainer, self.last)
        self.asked, self.interrupted = stop, stop and within_epoch
        trainer.should_stop = (
            trainer.should_stop
            or stop
            or agreed(trainer, pl_module.clock.is_over(trainer.global_step))
        )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self.interrupted:
            return
        self._write(trainer, self.last)
        epoch = trainer.current_epoch + 1
        if epoch in self.keep:
            self._write(trainer, self.folder / f"epoch_{epoch:04d}.ckpt")

    def _write(self, trainer: Trainer, path: Path) -> None:
        trainer.save_checkpoint(path, weights_only=False)
        self._written = time.monotonic()


def agreed(trainer: Trainer, decision: bool) -> bool:
    """Rank 0's decision on every rank, so that processes write and stop together."""
    return decision if trainer.world_size == 1 else bool(trainer.strategy.broadcast(decision))
