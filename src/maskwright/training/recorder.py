"""What a training says about itself while it runs: rows of numbers, and how far it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maskwright.support.count_progress import format_time
from maskwright.support.reporting import Reporter
from maskwright.training.callback import Callback
from maskwright.training.trainer import Trainer

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RowSettings:
    """When a row of numbers is written, and what stands in it and at the screen.

    every: optimizer steps between rows.
    beside: what the loss is compared with, shown after it.
    epochs: the length where it has one, for the screen.
    label: what the training is called at the screen.
    more: gives further numbers at each row.
    """

    every: int
    beside: str
    epochs: float | None
    label: str = "pretrain"
    more: Callable[[], Row] = dict


class Recorder(Callback):
    """Averages the loss between rows and measures speed and the time spent waiting for pictures."""

    def __init__(
        self, emit: Callable[[Row], None], reporter: Reporter, settings: RowSettings
    ) -> None:
        """Remember where rows go (`emit` receives each) and what stands in them."""
        self.emit = emit
        self.reporter = reporter
        self.settings = settings
        # Since the last row: when it began, when the last batch ended, time spent waiting for
        # batches, their losses, and the pictures that were counted by then.
        self._row_started = self._batch_ended = time.perf_counter()
        self._waited = 0.0
        # Of the whole training: when it began, and the seconds between epochs, in which features
        # are measured, pictures are drawn and checkpoints written.
        self._started = self._row_started
        self._measured = 0.0
        self._losses: list[Any] = []
        self._images = 0
        self._line_shown = ""
        self._last_row_step = 0

    def state_dict(self) -> dict[str, Any]:
        """Losses since the last row, so that the next one is the same after an interruption."""
        return {
            "last_row_step": self._last_row_step,
            "losses": [float(loss) for loss in self._losses],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Earlier checkpoints call it "told".
        key = "last_row_step" if "last_row_step" in state_dict else "told"
        self._last_row_step = state_dict[key]
        self._losses = list(state_dict["losses"])

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        # Whoever took the steps so far has written their rows; inside an accumulation the first
        # batch still belongs to the last of them.
        self._last_row_step = max(self._last_row_step, trainer.global_step)
        self._started = self._row_started = self._batch_ended = time.perf_counter()
        self._images = module.totals()["images"]

    def on_train_epoch_start(self, trainer: Trainer, module: Any) -> None:
        now = time.perf_counter()
        # Measurements between epochs are neither training nor waiting for pictures.
        self._row_started += now - self._batch_ended
        self._measured += now - self._batch_ended
        self._batch_ended = now

    def on_train_batch_start(self, trainer: Trainer, module: Any) -> None:
        self._waited += time.perf_counter() - self._batch_ended

    def on_train_batch_end(self, trainer: Trainer, module: Any) -> None:
        self._losses.append(module.latest["loss"])
        self._batch_ended = time.perf_counter()
        step = trainer.global_step
        # Inside an accumulation the step does not change, so a row is written once.
        due = step != self._last_row_step and (
            step % self.settings.every == 0 or step == 1 or module.clock.is_over(step)
        )
        if due and self._losses:
            self._last_row_step = step
            # All processes make the row, because its loss is the mean over all; the first keeps it.
            row = self._row(trainer, module, step)
            if trainer.is_global_zero:
                self.emit(row)
                self._line_shown = self._line(row, module)
        if trainer.is_global_zero:
            progress = module.clock.progress(step)
            self.reporter.progress(self.settings.label, progress, 1.0, self._line_shown)

    def on_train_end(self, trainer: Trainer, module: Any) -> None:
        self.reporter.finish()

    def _row(self, trainer: Trainer, module: Any, step: int) -> Row:
        now = time.perf_counter()
        spent = max(now - self._row_started, 1e-9)
        # Here the device is waited for: losses are tensors until a row needs them.
        losses = [float(loss) for loss in self._losses]
        # A step that was dropped takes no part; where all were, that is what is written.
        finite = [loss for loss in losses if math.isfinite(loss)] or losses
        totals = module.totals()
        row: Row = {
            "step": step,
            "epoch": trainer.current_epoch + 1,
            "loss": trainer.group.mean(sum(finite) / len(finite)),
            **{name: float(value) for name, value in module.latest.items() if name != "loss"},
            **self.settings.more(),
            "lr": trainer.optimizer.param_groups[0]["lr"],
            "images_per_s": (totals["images"] - self._images) / spent,
            "data_wait": self._waited / spent,
            "measuring": self._measured / max(now - self._started, 1e-9),
            "seconds": module.clock.seconds,
            **totals,
        }
        # The next row begins here.
        self._row_started = now
        self._waited = 0.0
        self._losses = []
        self._images = totals["images"]
        return row

    def _line(self, row: Row, module: Any) -> str:
        """A row in the words that stand at the screen."""
        epochs = self.settings.epochs
        whole = f"/{epochs:g}" if epochs else ""
        parts = [
            f"epoch {row['epoch']}{whole}",
            f"loss {row['loss']:.4f} ({self.settings.beside})",
            f"lr {row['lr']:.1e}",
            f"{row['images_per_s']:,.0f} img/s",
            f"data-wait {row['data_wait']:.0%}",
            f"measuring {row['measuring']:.0%}",
        ]
        if "masked" in row:
            parts.append(f"masked {row['masked']:.1%}")
        parts.append(f"eta {format_time(module.clock.remaining_seconds(row['step']))}")
        return "  ".join(parts)
