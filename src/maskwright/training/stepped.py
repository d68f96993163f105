"""What trainings share: the rate of each step, clipping that drops bad steps, and a place from which an interrupted run goes on."""

from __future__ import annotations

from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.training.clock import Clock
from maskwright.training.schedule_lr import LearningRate

MOST_BAD_STEPS = 3


class SteppedModule(LightningModule):
    """A training whose length a clock decides. A step sets `batches_done` and `latest` (with its loss), and adds to `counts`."""

    def __init__(
        self,
        clock: Clock,
        rate: LearningRate,
        clip: float,
        counts: dict[str, int],
        described: dict[str, Any],
    ) -> None:
        """clip: largest norm of the gradient, 0 for any; counts: what is counted beside skipped steps, from 0; described: plain values
        that every checkpoint carries.
        """
        super().__init__()
        self.clock, self.rate, self.clip, self.described = clock, rate, clip, described
        self.latest: dict[str, Tensor | float] = {}
        self.counts = {**counts, "skipped_steps": 0}
        self.bad_in_a_row = 0
        self.batches_done = 0

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        rate = self.rate.at(self.clock.rate_progress(self.global_step))
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient's norm; when it is not finite drop the step, and stop after three in a row."""
        parameters = [
            parameter
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.clip or float("inf"))
        self.latest["grad_norm"] = norm
        if bool(torch.isfinite(norm)) and bool(
            torch.isfinite(torch.as_tensor(self.latest["loss"]))
        ):
            self.bad_in_a_row = 0
            return
        for parameter in parameters:
            parameter.grad = None
        self.counts["skipped_steps"] += 1
        self.bad_in_a_row += 1
        if self.bad_in_a_row >= MOST_BAD_STEPS:
            raise NonFiniteLoss(self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        finished = self.batches_done >= self.trainer.num_training_batches
        checkpoint["maskwright"] = self.described
        checkpoint["place"] = {
            "step": self.global_step,
            "epoch": self.current_epoch + int(finished),
            "batches": 0 if finished else self.batches_done,
        }
        checkpoint["progress"] = {
            **self.counts,
            "seconds": self.clock.seconds,
            "bad_in_a_row": self.bad_in_a_row,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        saved = checkpoint["progress"]
        self.counts.update({name: saved[name] for name in self.counts})
        self.clock.earlier_seconds, self.bad_in_a_row = saved["seconds"], saved["bad_in_a_row"]


class NonFiniteLoss(MaskwrightError):
    """Three steps in a row gave a loss or gradient that is not a finite number."""

    def __init__(self, step: int) -> None:
        super().__init__(
            f"The loss was not finite three times in a row at step {step:,}. A lower --lr usually helps."
        )
        self.step = step
