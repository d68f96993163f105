"""Where a running training writes: numbers, sheets of pictures, and a sign of life."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from maskwright.training.recorder import Row
from maskwright.training.trackers import Tracker
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder

# Between two writes of run.json; a study looks there whether a run is alive.
HEARTBEAT_SECONDS = 5.0


@dataclass
class RunLog:
    """Writes metrics.jsonl, trackers and pictures, and every few seconds run.json.

    folder: of the run.
    trackers: where numbers and pictures are mirrored.
    watch: sees every row and says whether the training should stop, as a search does with settings
        that lead nowhere.
    wants_stop: what `watch` has said so far.
    epoch: of the latest row.
    last_beat: when run.json was written last.
    """

    folder: RunFolder
    trackers: list[Tracker]
    watch: Callable[[Row], bool] | None = None
    wants_stop: bool = False
    epoch: int = 0
    last_beat: float = float("-inf")

    def emit(self, row: Row) -> None:
        """Add one row of numbers everywhere."""
        self.folder.append_metrics(row)
        # Once it was said, it stays said.
        self.wants_stop = self.wants_stop or (self.watch is not None and self.watch(row))
        self.epoch = row["epoch"]
        if time.monotonic() - self.last_beat > HEARTBEAT_SECONDS:
            self.folder.update_status(step=row["step"], epoch=row["epoch"])
            self.last_beat = time.monotonic()
        # Trackers take numbers only, and the step apart from them.
        numbers = {
            name: float(value)
            for name, value in row.items()
            if isinstance(value, (int, float)) and name != "step"
        }
        for tracker in self.trackers:
            tracker.numbers(numbers, row["step"])

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        """Keep a sheet as a file named by epoch and mirror it to the trackers."""
        # Named by epoch, so that a folder shows the training in order.
        save_picture(self.folder.samples / f"epoch_{self.epoch:04d}.png", image)
        for tracker in self.trackers:
            tracker.picture(name, image, step)

    def close(self) -> None:
        for tracker in self.trackers:
            tracker.close()
