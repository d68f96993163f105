"""When a training writes its state: every few minutes, per epoch, and when asked to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from lightning import Callback, Trainer
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from maskwright.support.torch_files import write_torch


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the old one and swaps them.

    A full disk or a crash never costs the old one.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        write_torch(path, checkpoint)


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

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        stop = broadcast_decision(trainer, self.wants_stop())
        done = batch_idx + 1
        within_epoch = done < trainer.num_training_batches
        # Gradients that wait for more batches are not in a checkpoint, so nothing is written or
        # decided in the middle of an accumulation.
        if within_epoch and done % trainer.accumulate_grad_batches:
            return

        # Inside an epoch; its end has a hook of its own below.
        if within_epoch and (stop or self._is_due(trainer)):
            self._write(trainer, self.last)
        self.stop_requested = stop
        self.interrupted = stop and within_epoch
        trainer.should_stop = (
            trainer.should_stop
            or stop
            or broadcast_decision(trainer, pl_module.clock.is_over(trainer.global_step))
        )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        # Lightning calls this also when a stop has cut the epoch short.
        if self.interrupted:
            return
        self._write(trainer, self.last)
        epoch = trainer.current_epoch + 1
        if epoch in self.keep:
            self._write(trainer, self.folder / f"epoch_{epoch:04d}.ckpt")

    def _is_due(self, trainer: Trainer) -> bool:
        return broadcast_decision(trainer, time.monotonic() - self._written > self.seconds)

    def _write(self, trainer: Trainer, path: Path) -> None:
        trainer.save_checkpoint(path, weights_only=False)
        self._written = time.monotonic()


def broadcast_decision(trainer: Trainer, decision: bool) -> bool:
    """Rank 0's decision on every rank, so that processes write and stop together."""
    return decision if trainer.world_size == 1 else bool(trainer.strategy.broadcast(decision))
