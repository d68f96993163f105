"""What a run has put on record: settings, state, and rows of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import flatten, read_recipe


@dataclass(frozen=True)
class RunRecord:
    """The files of a run as they were read.

    path: of its folder.
    settings: all of them.
    status: run.json.
    rows: metrics.jsonl.
    """

    path: Path
    settings: PretrainSettings
    status: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]

    @cached_property
    def steps(self) -> list[Mapping[str, Any]]:
        """The rows that the training itself wrote, each over some steps."""
        # Measurements of epochs have rows of their own, without a loss.
        return [row for row in self.rows if "loss" in row]

    @property
    def num_steps(self) -> int:
        """Optimizer steps on record."""
        return int(self.steps[-1]["step"]) if self.steps else 0

    @property
    def losses(self) -> list[float]:
        """The training loss, row by row; a row without a finite step has NaN."""
        return [float(row["loss"]) for row in self.steps]

    @property
    def baseline(self) -> float:
        """The loss of flat patches, NaN where it is not on record."""
        return float(self.status.get("baselines", {}).get("patch_mean", math.nan))

    def last(self, name: str, default: float = math.nan) -> float:
        """The latest value of a number."""
        # Not the last row alone: each kind of row has other numbers.
        values = [row[name] for row in self.rows if name in row]
        return float(values[-1]) if values else default

    def lower_rate(self) -> str:
        """A third of the run's learning rate, as a flag takes it."""
        return f"{(self.settings.train.lr or 0.0) / 3:.2g}"

    def repeat(self, *flags: str) -> str:
        """The command that trains the same way but for some flags."""
        changed = " ".join(flags)
        return f"maskwright pretrain --recipe {self.path / 'config.yaml'} {changed} --out NEW"


def read_record(path: Path | str) -> RunRecord:
    """Read the folder of a pretraining; raises MaskwrightError for anything else."""
    folder = RunFolder(path)
    status = folder.status()
    kind = status.get("kind", "pretrain")
    if kind != "pretrain":
        raise MaskwrightError(
            f"{folder} is a run of {kind}; the doctor examines pretrainings. Measure it with:"
            " maskwright evaluate RUN --data LABELED."
        )
    settings = PretrainSettings.from_flat(flatten(read_recipe(str(folder.config))))
    return RunRecord(folder.path, settings, status, folder.metrics())
