"""What trainings share: the rate of each step, clipping that drops bad steps, and resuming."""

from __future__ import annotations

from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from maskwright.patches.mask import NotAScore
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import log
from maskwright.training.clock import Clock
from maskwright.training.schedule_lr import LearningRate

MOST_BAD_STEPS = 3
# The same in all processes, which step together; all other counts are summed over processes.
COUNTS_OF_STEPS = ("skipped_steps", "overflowed_steps")


class SteppedModule(LightningModule):
    """A training whose length a clock decides.

    A step sets `batches_done` and `latest` (with its loss), and adds to `counts`. It may add
    booleans on the device to `checks`, which are read together with the check of the gradient:
    whether scores were numbers.
    """

    def __init__(
        self,
        clock: Clock,
        rate: LearningRate,
        clip: float,
        counts: dict[str, int],
        described: dict[str, Any],
    ) -> None:
        """Take the parts as they are.

        clip: largest norm of the gradient, 0 for any.
        counts: what this process counts, from 0, beside steps that were not taken.
        described: plain values that every checkpoint carries.
        """
        super().__init__()
        self.clock = clock
        self.rate = rate
        self.clip = clip
        self.described = described
        self.latest: dict[str, Tensor | float] = {}
        self.counts = {**counts, **dict.fromkeys(COUNTS_OF_STEPS, 0)}
        # Of the batches of the optimizer step that is being made.
        self.checks: list[Tensor] = []
        self._losses: list[Tensor] = []
        self.processes = 1  # that train together
        self.bad_in_a_row = 0
        self.batches_done = 0

    def setup(self, stage: str) -> None:
        self.processes = self.trainer.world_size

    def totals(self) -> dict[str, int]:
        """What all processes have counted together; whatever is written down comes from here."""
        return {
            name: value if name in COUNTS_OF_STEPS else value * self.processes
            for name, value in self.counts.items()
        }

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # Set at every step from progress alone, so that a resumed run has nothing to restore.
        progress = self.clock.rate_progress(self.global_step)
        rate = self.rate.at(progress)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0) * self.rate_share(group, progress)

    def rate_share(self, group: dict[str, Any], progress: float) -> float:
        """The share of the rate at which a group of parameters learns just now."""
        return 1.0

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Make the gradient of a step the mean over the batches that it has.

        Lightning has divided by all batches of an accumulation, also at the end of an epoch, where
        fewer are left.
        """
        self._losses.append(torch.as_tensor(self.latest["loss"], device=loss.device))
        full = self.trainer.accumulate_grad_batches
        # The first batch of this accumulation, and how many batches it will have.
        first = (self.batches_done - 1) // full * full
        count = min(full, int(self.trainer.num_training_batches) - first)
        if count < full:
            loss = loss * (full / count)
        super().backward(loss, *args, **kwargs)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient's norm, and drop the step when it or a loss is not finite.

        Raises NonFiniteLoss for the third dropped step in a row, and NotAScore where a policy had
        no numbers.
        """
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None and getattr(optimizer, "_step_supports_amp_scaling", False):
            # An optimizer that says it unscales in its own step, as fused ones do, gets here with
            # gradients that are still scaled; all others were unscaled by Lightning.
            scaler.unscale_(optimizer)
        parameters = [
            parameter
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.clip or float("inf"))
        self.latest["grad_norm"] = norm
        losses = torch.stack(self._losses)
        checks = self.checks
        self._losses, self.checks = [], []

        # The single place of a step that waits for the device, on purpose: all verdicts in one.
        is_good = bool(torch.stack([norm.isfinite(), losses.isfinite().all(), *checks]).all())
        if is_good:
            self.bad_in_a_row = 0
        elif checks and not torch.stack(checks).all():
            raise NotAScore
        else:
            self._drop_step(parameters, losses, scaler)
        self.after_step(is_good)

    def after_step(self, is_good: bool) -> None:
        """Hear whether an optimizer step is taken or dropped.

        What was learned of the batches of a dropped step is to be forgotten.
        """

    def _drop_step(self, parameters: list[Tensor], losses: Tensor, scaler: Any) -> None:
        """Leave the weights as they are; raises NonFiniteLoss for the third in a row."""
        # Without gradients the optimizer leaves weights and its own state alone.
        for parameter in parameters:
            parameter.grad = None
        # Half precision overflows while its scale is being found; three times in a row is usual at
        # the start. With nothing left to halve it is the gradient itself.
        if scaler is not None and bool(losses.isfinite().all()) and scaler.get_scale() > 1:
            self.counts["overflowed_steps"] += 1
            return
        self.counts["skipped_steps"] += 1
        self.bad_in_a_row += 1
        if self.bad_in_a_row >= MOST_BAD_STEPS:
            raise NonFiniteLoss(self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["maskwright"] = self.described
        # Where the run goes on: after the last batch of an epoch that is the next epoch.
        epoch_is_over = self.batches_done >= self.trainer.num_training_batches
        checkpoint["place"] = {
            "step": self.global_step,
            "epoch": self.current_epoch + int(epoch_is_over),
            "batches": 0 if epoch_is_over else self.batches_done,
        }
        checkpoint["progress"] = {
            **self.counts,
            "processes": self.processes,
            "seconds": self.clock.seconds,
            "bad_in_a_row": self.bad_in_a_row,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        saved = checkpoint["progress"]
        unknown = [name for name in self.counts if name not in saved]
        if unknown:
            log.warning(
                f"The checkpoint is of an earlier version that did not count {', '.join(unknown)};"
                " they begin at 0 here."
            )
        for name in self.counts.keys() & saved.keys():
            self.counts[name] = saved[name]
        self.processes = saved.get("processes", self.processes)
        self.clock.earlier_seconds = saved["seconds"]
        self.bad_in_a_row = saved["bad_in_a_row"]


class NonFiniteLoss(MaskwrightError):
    """Three steps in a row gave a loss or gradient that is not a finite number."""

    def __init__(self, step: int) -> None:
        super().__init__(
            f"The loss was not finite three times in a row at step {step:,}. A lower --lr usually"
            " helps."
        )
        self.step = step
