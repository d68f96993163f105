"""Where a running training writes: numbers, sheets of pictures, and a sign of life."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter, curves_shown_by, log
from maskwright.training.recorder import Row
from maskwright.training.trackers import Tracker, open_trackers
from maskwright.workflows.runs.curves import save_curves
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder

# Between two writes of run.json; a study looks there whether a run is alive.
HEARTBEAT_SECONDS = 5.0
# Between two drawings of the curves, each of which takes a quarter of a second.
CURVES_SECONDS = 60.0


@dataclass
class RunLog:
    """Writes metrics.jsonl, trackers and pictures, every few seconds run.json, and every minute the
    curves.

    folder: of the run.
    trackers: where numbers and pictures are mirrored.
    watch: sees every row and says whether the training should stop, as a search does with settings
        that lead nowhere.
    show: takes each PNG of the curves, as a notebook does.
    wants_stop: what `watch` has said so far.
    epoch: of the latest row.
    last_beat: when run.json was written last.
    last_drawn: when the curves were drawn last; they are not before the first minute is over.
    """

    folder: RunFolder
    trackers: list[Tracker]
    watch: Callable[[Row], bool] | None = None
    show: Callable[[bytes], None] | None = None
    wants_stop: bool = False
    epoch: int = 0
    last_beat: float = float("-inf")
    last_drawn: float = field(default_factory=time.monotonic)

    def emit(self, row: Row) -> None:
        """Add one row of numbers everywhere."""
        self.folder.append_metrics(row)
        # Once it was said, it stays said.
        self.wants_stop = self.wants_stop or (self.watch is not None and self.watch(row))
        self.epoch = row["epoch"]
        if time.monotonic() - self.last_beat > HEARTBEAT_SECONDS:
            self.folder.update_status(step=row["step"], epoch=row["epoch"])
            self.last_beat = time.monotonic()
        if time.monotonic() - self.last_drawn > CURVES_SECONDS:
            self.draw()
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

    def draw(self) -> None:
        """Draw the curves of what was written so far."""
        png = save_curves(self.folder)
        self.last_drawn = time.monotonic()
        if png is not None and self.show is not None:
            self.show(png)

    def close(self) -> None:
        """Draw the curves a last time and close the trackers."""
        # A process that only trains along has no rows, and leaves the drawing to the one that has.
        if self.epoch:
            try:
                self.draw()
            except MaskwrightError as error:
                # Also called after an error, which people must see rather than this.
                log.warning(str(error))
        for tracker in self.trackers:
            tracker.close()


@contextmanager
def mirrored_log(
    folder: RunFolder, track: Sequence[str], settings: Row, reporter: Reporter
) -> Iterator[RunLog]:
    """A log whose rows go to trackers too; they are closed, and the curves drawn, however it ends.

    track: names of trackers.
    settings: plain values that the trackers keep.
    reporter: shows the curves where it can.
    """
    trackers = open_trackers(track, folder.path, settings)
    run_log = RunLog(folder, trackers, show=curves_shown_by(reporter))
    try:
        yield run_log
    finally:
        run_log.close()
