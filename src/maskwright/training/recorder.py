"""What a training says about itself while it runs: one row of numbers every few steps, and how far
it is at every step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from lightning import Callback, Trainer

from maskwright.support.reporting import Reporter

Row = dict[str, Any]


class Recorder(Callback):
    """Averages the loss between rows and measures speed and the share of time spent waiting for
    pictures.
    """

    def __init__(
        self,
        emit: Callable[[Row], None],
        reporter: Reporter,
        every: int,
        beside: str,
        epochs: float | None,
        label: str = "pretrain",
        more: Callable[[], Row] = dict,
    ) -> None:
        """emit: receives each row; every: optimizer steps between rows; beside: what the loss is
        compared with, shown after it; more: asked for further numbers at each row.
        """
        self.more = more
        self.emit, self.reporter, self.every, self.beside, self.epochs = (
            emit,
            reporter,
            every,
            beside,
            epochs,
        )
        self.label = label
        self._ended = self._row_started = time.perf_counter()
        self._waited = 0.0
        self._losses: list[Any] = []
        self._images = 0
        self._shown, self._told = "", 0

    def state_dict(self) -> dict[str, Any]:
        """Losses since the last row, so that the next one is the same after an interruption."""
        return {"told": self._told, "losses": [float(loss) for loss in self._losses]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._told, self._losses = state_dict["told"], list(state_dict["losses"])

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        # The steps so far were told by whoever took them; inside an accumulation the first batch
        # still belongs to the last of them.
        self._told = max(self._told, trainer.global_step)
        self._ended = self._row_started = time.perf_counter()
        self._images = pl_module.totals()["images"]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        now = time.perf_counter()
        self._row_started += (
            now - self._ended
        )  # measurements between epochs are neither training nor waiting for pictures
        self._ended = now

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        self._waited += time.perf_counter() - self._ended

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._losses.append(pl_module.latest["loss"])
        self._ended = time.perf_counter()
        step = trainer.global_step
        due = step != self._told and (
            step % self.every == 0 or step == 1 or pl_module.clock.is_over(step)
        )
        if due and self._losses and trainer.is_global_zero:
            self._told = step
            row = self._row(trainer, pl_module, step)
            self.emit(row)
            self._shown = self._line(row, trainer, pl_module)
        if trainer.is_global_zero:
            self.reporter.progress(self.label, pl_module.clock.progress(step), 1.0, self._shown)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.reporter.finish()

    def _row(self, trainer: Trainer, module: Any, step: int) -> Row:
        now = time.perf_counter()
        spent = max(now - self._row_started, 1e-9)
        losses = [float(loss) for loss in self._losses]
        # A step that was dropped takes no part; where all were, that is what is written.
        finite = [loss for loss in losses if math.isfinite(loss)] or losses
        totals = module.totals()
        row: Row = {
            "step": step,
            "epoch": trainer.current_epoch + 1,
            "loss": sum(finite) / len(finite),
            **{name: float(value) for name, value in module.latest.items() if name != "loss"},
            **self.more(),
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "images_per_s": (totals["images"] - self._images) / spent,
            "data_wait": self._waited / spent,
            "seconds": module.clock.seconds,
            **totals,
        }
        self._losses, self._waited, self._row_started, self._images = (
            [],
            0.0,
            now,
            totals["images"],
        )
        return row

    def _line(self, row: Row, trainer: Trainer, module: Any) -> str:
        epochs = f"epoch {row['epoch']}" + (f"/{self.epochs:g}" if self.epochs else "")
        return (
            f"{epochs}  loss {row['loss']:.4f} ({self.beside})  lr {row['lr']:.1e} "
            f" {row['images_per_s']:,.0f} img/s  data-wait {row['data_wait']:.0%}  "
            + (f"masked {row['masked']:.1%}  " if "masked" in row else "")
            + f"eta {format_time(module.clock.remaining_seconds(row['step']))}"
        )


def format_time(seconds: float) -> str:
    """Spell seconds as people read them: 42s, 3m10s, 2h05m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    return (
        f"{whole // 60}m{whole % 60:02d}s"
        if whole < 3600
        else f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    )
