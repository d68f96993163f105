"""The loop of a training: batches, backward passes, steps, and callbacks between them.

One process or several, on any device, run the same lines. It knows nothing of masks: the module
says what a step is, callbacks say what is written down and when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from maskwright.support.errors import MaskwrightError
from maskwright.support.on_device import move_batch
from maskwright.support.torch_files import write_torch
from maskwright.training.callback import Callback
from maskwright.training.group import ALONE, Group, ProcessLost, card_number, is_lost_process
from maskwright.training.precision import Precision
from maskwright.training.stepped import SteppedModule
from maskwright.training.weight_average import WeightAverage


class Batches(Protocol):
    """What a training draws its batches from."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Any: ...

    def set_epoch(self, epoch: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a training runs on.

    device: the kind, and the index where a single card is meant.
    precision: of the arithmetic, such as bf16-mixed.
    accumulate: batches per optimizer step.
    group: this process among those that train together.
    """

    device: torch.device
    precision: str
    accumulate: int = 1
    group: Group = ALONE

    @property
    def own_device(self) -> torch.device:
        """Where this process computes: of several cards, its own."""
        if self.group.world_size > 1 and self.device.type == "cuda":
            return torch.device("cuda", card_number(self.group.local_rank))
        return self.device


class Trainer:
    """Trains a module until a callback says that it is over.

    Callbacks and modules read from it where the training stands: `global_step` optimizer steps,
    `current_epoch`, and `num_training_batches` of an epoch.
    """

    def __init__(
        self, machine: Machine, callbacks: Sequence[Callback], average: float = 0.0
    ) -> None:
        """Remember what the training runs on and who is called.

        average: decay of a moving average of the weights, 0 for none.
        """
        self.device = machine.own_device
        self.group = machine.group
        self.accumulate = machine.accumulate
        self.precision = Precision(machine.precision, self.device)
        self.callbacks = list(callbacks)
        self.optimizer: torch.optim.Optimizer
        self.global_step = 0
        self.current_epoch = 0
        self.num_training_batches = 0
        self.should_stop = False
        self.average: WeightAverage | None = None
        self._decay = average

    @property
    def is_global_zero(self) -> bool:
        """Whether this process writes."""
        return self.group.is_first

    def fit(self, module: SteppedModule, batches: Batches, start: Path | None = None) -> None:
        """Train; with a checkpoint to start from, go on exactly where it was written.

        `batches` must have been set to that place.
        """
        module.to(self.device)
        module.trainer = self
        self.num_training_batches = len(batches)
        self.optimizer = module.configure_optimizers()
        if self._decay:
            self.average = WeightAverage(module, self._decay)
        if start is not None:
            self._restore(module, start)
        forward = self._build_forward(module)
        module.begin(self.group)

        self._call("on_train_start", module)
        try:
            module.train()
            while not self.should_stop:
                self._run_epoch(module, forward, batches)
                self.current_epoch += 1
        except BaseException as error:
            self._call("on_exception", module)
            # gloo and NCCL say in their own words that another process is gone.
            if self.group.world_size > 1 and is_lost_process(error):
                raise ProcessLost(self.group) from error
            raise
        self._call("on_train_end", module)

    def _build_forward(self, module: SteppedModule) -> nn.Module:
        step = _Step(module)
        if self.group.world_size == 1:
            return step
        # Buffers are the same everywhere already: policies remember the rows of all processes.
        # Sending the first one's at every step would move half a gigabyte for nothing.
        cards = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(
            step, device_ids=cards, forward_sync_buffers=False, gradient_as_bucket_view=True
        )

    def _run_epoch(self, module: SteppedModule, forward: nn.Module, batches: Batches) -> None:
        """The batches of an epoch, from where it was interrupted if it was."""
        # Where a checkpoint was written inside an epoch, that many of its batches are done.
        done = module.batches_done if module.batches_done < self.num_training_batches else 0
        batches.set_epoch(self.current_epoch)
        self._call("on_train_epoch_start", module)
        for batch in self._draw(batches, module):
            self._call("on_train_batch_start", module)
            done += 1
            self._run_batch(module, forward, move_batch(batch, self.device), done)
            self._call("on_train_batch_end", module)
            if self.should_stop:
                break
        self._call("on_train_epoch_end", module)

    def _draw(self, batches: Batches, module: SteppedModule) -> Iterator[Any]:
        """The batches one after another; callbacks hear when one of them cannot be had."""
        # What goes wrong in a step is not raised in here, so nothing half done is written.
        try:
            yield from batches
        except MaskwrightError:
            self._call("on_data_error", module)
            raise

    def _run_batch(self, module: SteppedModule, forward: nn.Module, batch: Any, done: int) -> None:
        """One batch: its gradient, and a step where the accumulation is full.

        done: batches of this epoch, this one among them.
        """
        module.batches_done = done
        module.set_rate(self.optimizer)
        is_step = done % self.accumulate == 0 or done == self.num_training_batches
        with self._without_sync(forward, is_step):
            with self.precision.forward_context():
                loss = forward(batch)
            module.losses.append(module.latest_loss(loss.device))
            # The mean over the batches of a step: at the end of an epoch they may be fewer.
            self.precision.scale(loss / self._batches_in_step(done)).backward()
        if not is_step:
            return
        self.precision.unscale(self.optimizer)
        module.judge_step(self.optimizer, self.precision.scaler)
        self.precision.step(self.optimizer)
        self.optimizer.zero_grad(set_to_none=True)
        self.global_step += 1
        if self.average is not None:
            self.average.update(module)

    def _batches_in_step(self, done: int) -> int:
        first = (done - 1) // self.accumulate * self.accumulate
        return min(self.accumulate, self.num_training_batches - first)

    def _without_sync(self, forward: nn.Module, is_step: bool) -> AbstractContextManager[Any]:
        # Gradients travel between processes once per step, not once per batch.
        if isinstance(forward, DistributedDataParallel) and not is_step:
            return forward.no_sync()
        return nullcontext()

    def _call(self, hook: str, module: SteppedModule) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, module)

    def save_checkpoint(self, module: SteppedModule, path: Path) -> None:
        """Write everything that an exact continuation needs; the first process alone writes."""
        if not self.is_global_zero:
            return
        checkpoint: dict[str, Any] = {
            "epoch": self.current_epoch,
            "global_step": self.global_step,
            "state_dict": module.state_dict(),
            "optimizer_states": [self.optimizer.state_dict()],
            "callbacks": {
                callback.state_key: state
                for callback in self.callbacks
                if (state := callback.state_dict())
            },
            "scaler": self.precision.state(),
        }
        module.on_save_checkpoint(checkpoint)
        if self.average is not None:
            self.average.save(checkpoint)
        write_torch(path, checkpoint)

    def _restore(self, module: SteppedModule, path: Path) -> None:
        """Go on from a checkpoint, also from one that Lightning's trainer wrote."""
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        if self.average is not None:
            self.average.restore(checkpoint)
        module.load_state_dict(checkpoint["state_dict"])
        module.on_load_checkpoint(checkpoint)
        self.optimizer.load_state_dict(checkpoint["optimizer_states"][0])
        self.precision.restore(checkpoint.get("scaler") or checkpoint.get("MixedPrecision") or {})
        states = checkpoint["callbacks"]
        for callback in self.callbacks:
            if callback.state_key in states:
                callback.load_state_dict(states[callback.state_key])
        place = checkpoint["place"]
        self.global_step, self.current_epoch = place["step"], place["epoch"]
        module.batches_done = place["batches"]


class _Step(nn.Module):
    """A module's training step as a forward pass, which is what DDP can wrap."""

    def __init__(self, module: SteppedModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Any) -> Tensor:
        return self.module.training_step(batch)
