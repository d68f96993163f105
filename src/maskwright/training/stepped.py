"""What trainings share: the rate of each step, clipping that drops bad steps, and resuming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from maskwright.patches.mask import NotAScore
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import log
from maskwright.training.clock import Clock
from maskwright.training.group import ALONE, Group
from maskwright.training.schedule_lr import LearningRate

MOST_BAD_STEPS = 3
# The same in all processes, which step together; all other counts are summed over processes.
COUNTS_OF_STEPS = ("skipped_steps", "overflowed_steps")
# Verdicts on a step, the worst of all processes decides.
GOOD, BAD, NO_SCORES = 0.0, 1.0, 2.0


class Place(Protocol):
    """Where a training stands, as the trainer says it.

    global_step: optimizer steps so far.
    current_epoch: epochs that are over.
    num_training_batches: batches of an epoch.
    """

    global_step: int
    current_epoch: int
    num_training_batches: int


class SteppedModule(nn.Module):
    """A training whose length a clock decides.

    A step is `training_step(batch)`; it gives the loss, sets `latest` (with its loss), and adds to
    `counts`. It may add booleans on the device to `checks`, which are read together with the check
    of the gradient: whether scores were numbers.
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
        self.trainer: Place | None = None  # comes with the training
        self.clock = clock
        self.rate = rate
        self.clip = clip
        self.described = described
        self.latest: dict[str, Tensor | float] = {}
        self.counts = {**counts, **dict.fromkeys(COUNTS_OF_STEPS, 0)}
        # Of the batches of the optimizer step that is being made.
        self.losses: list[Tensor] = []
        self.checks: list[Tensor] = []
        self.group = ALONE
        self.processes = 1  # that train together
        # What all have counted beyond the counts of this process times their number.
        self.uneven = dict.fromkeys(self.counts, 0)
        self.bad_in_a_row = 0
        self.batches_done = 0

    def begin(self, group: Group) -> None:
        """Hear which processes train together; called before the first step."""
        self.group = group
        self.processes = group.world_size

    def training_step(self, batch: Any) -> Tensor:
        """The loss of a batch, with its gradient."""
        raise NotImplementedError

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """What takes the steps."""
        raise NotImplementedError

    @property
    def global_step(self) -> int:
        """Optimizer steps so far."""
        return 0 if self.trainer is None else self.trainer.global_step

    @property
    def current_epoch(self) -> int:
        """Epochs that are over."""
        return 0 if self.trainer is None else self.trainer.current_epoch

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    def totals(self) -> dict[str, int]:
        """What all processes have counted together; whatever is written down comes from here."""
        return {
            name: value if name in COUNTS_OF_STEPS else value * self.processes + self.uneven[name]
            for name, value in self.counts.items()
        }

    def count_uneven(self, before: Mapping[str, int]) -> None:
        """Hear what the others have counted since `before`, where it may be more or less.

        before: the counts of this process then. All processes have to call it.
        """
        grown = {name: value - before[name] for name, value in self.counts.items()}
        of_all = self.group.total([float(value) for value in grown.values()])
        for (name, own), total in zip(grown.items(), of_all, strict=True):
            self.uneven[name] += round(total) - own * self.processes

    def set_rate(self, optimizer: torch.optim.Optimizer) -> None:
        """Set the rate of the coming step.

        It follows from progress alone, so that a resumed run has nothing to restore.
        """
        progress = self.clock.rate_progress(self.global_step)
        rate = self.rate.at(progress)
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0) * self.rate_share(group, progress)

    def rate_share(self, group: dict[str, Any], progress: float) -> float:
        """The share of the rate at which a group of parameters learns just now."""
        return 1.0

    def latest_loss(self, device: torch.device) -> Tensor:
        """The loss on record of the batch just made, for the verdict on its step."""
        return torch.as_tensor(self.latest["loss"], device=device)

    def judge_step(self, optimizer: torch.optim.Optimizer, scaler: GradScaler | None) -> None:
        """Clip the gradient's norm, and drop the step when it or a loss is not finite.

        scaler: of half precision, which has given the gradients their true size before.

        Raises NonFiniteLoss for the third dropped step in a row, and NotAScore where a policy had
        no numbers.
        """
        parameters = [
            parameter
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.clip or float("inf"))
        self.latest["grad_norm"] = norm
        losses = torch.stack(self.losses)
        checks = self.checks
        self.losses, self.checks = [], []

        # The single place of a step that waits for the device, on purpose: all verdicts in one.
        is_good = bool(torch.stack([norm.isfinite(), losses.isfinite().all(), *checks]).all())
        are_scores = is_good or not checks or bool(torch.stack(checks).all())
        # What one process must drop all must drop, or their weights would part.
        verdict = self.group.largest(GOOD if is_good else BAD if are_scores else NO_SCORES)
        if verdict == GOOD:
            self.bad_in_a_row = 0
        elif verdict == NO_SCORES:
            raise NotAScore
        else:
            self._drop_step(parameters, losses, scaler)
        self.after_step(verdict == GOOD)

    def after_step(self, is_good: bool) -> None:
        """Hear whether an optimizer step is taken or dropped.

        What was learned of the batches of a dropped step is to be forgotten.
        """

    def _drop_step(
        self, parameters: list[Tensor], losses: Tensor, scaler: GradScaler | None
    ) -> None:
        """Leave the weights as they are; raises NonFiniteLoss for the third in a row."""
        # Without gradients the optimizer leaves weights and its own state alone.
        for parameter in parameters:
            parameter.grad = None
        # Half precision overflows while its scale is being found; three times in a row is usual at
        # the start. With nothing left to halve it is the gradient itself.
        is_finite = self.group.largest(float(not losses.isfinite().all())) == 0
        if scaler is not None and is_finite and scaler.get_scale() > 1:
            self.counts["overflowed_steps"] += 1
            return
        self.counts["skipped_steps"] += 1
        self.bad_in_a_row += 1
        if self.bad_in_a_row >= MOST_BAD_STEPS:
            raise NonFiniteLoss(self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["maskwright"] = self.described
        assert self.trainer is not None
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
            "uneven": dict(self.uneven),
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
        self.uneven |= saved.get("uneven", {})
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
