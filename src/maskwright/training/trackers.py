"""Trackers beside metrics.jsonl: TensorBoard, Weights & Biases and MLflow.

Weights & Biases stays offline unless WANDB_MODE says otherwise, MLflow keeps a SQLite file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from lightning.pytorch.loggers import MLFlowLogger, TensorBoardLogger, WandbLogger

from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.variables import quiet_trackers, tracker_mode


class Tracker(Protocol):
    """Somewhere that numbers and pictures of a run are mirrored to."""

    def numbers(self, row: dict[str, float], step: int) -> None: ...

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        """image: (H, W, 3) uint8."""

    def close(self) -> None: ...


class TensorBoardTracker:
    """Event files under RUN/tensorboard."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any]) -> None:
        # An empty version: events lie in RUN/tensorboard itself, also after a resume.
        self._logger = TensorBoardLogger(save_dir=folder, name="tensorboard", version="")

    def numbers(self, row: dict[str, float], step: int) -> None:
        self._logger.log_metrics(row, step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        # A copy, because torch warns of arrays that cannot be written to.
        self._logger.experiment.add_image(
            name, torch.from_numpy(image.copy()), step, dataformats="HWC"
        )

    def close(self) -> None:
        self._logger.finalize("success")
        self._logger.experiment.close()


class WandbTracker:
    """Weights & Biases; offline under RUN/wandb unless WANDB_MODE says otherwise."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._logger = WandbLogger(
            name=name,
            save_dir=folder,
            project="maskwright",
            offline=tracker_mode() != "online",
            config=settings,
        )

    def numbers(self, row: dict[str, float], step: int) -> None:
        self._logger.log_metrics(row, step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        self._logger.log_image(name, [image], step)

    def close(self) -> None:
        self._logger.experiment.finish()


class MlflowTracker:
    """MLflow with its database in RUN/mlflow.db."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any]) -> None:
        quiet_trackers()
        folder.mkdir(parents=True, exist_ok=True)
        self._logger = MLFlowLogger(
            "maskwright",
            run_name=name,
            tracking_uri=f"sqlite:///{(folder / 'mlflow.db').resolve()}",
        )
        # MLflow refuses values that are longer than 500 characters.
        self._logger.log_hyperparams({key: str(value)[:500] for key, value in settings.items()})

    def numbers(self, row: dict[str, float], step: int) -> None:
        self._logger.log_metrics(row, step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        self._logger.experiment.log_image(self._logger.run_id, image, key=name, step=step)

    def close(self) -> None:
        self._logger.finalize("success")


@dataclass(frozen=True)
class TrackerEntry:
    """A tracker that can be named.

    build: takes the run's folder, its name and its settings.
    package: the module that must be there.
    extra: the extra of maskwright that installs it.
    """

    build: Callable[[Path, str, dict[str, Any]], Tracker]
    package: str
    extra: str


TRACKERS: dict[str, TrackerEntry] = {
    "tensorboard": TrackerEntry(TensorBoardTracker, "tensorboard", "tensorboard"),
    "wandb": TrackerEntry(WandbTracker, "wandb", "wandb"),
    "mlflow": TrackerEntry(MlflowTracker, "mlflow", "mlflow"),
}


# A training names it without being asked to, so it goes on where the package is missing.
DEFAULT = "tensorboard"


def is_installed(name: str) -> bool:
    """Whether the package of a tracker is here."""
    return find_spec(TRACKERS[name].package) is not None


def check_trackers(names: Sequence[str], reporter: Reporter | None = None) -> None:
    """Raise MaskwrightError when a tracker's package is missing, naming the extra with it.

    reporter: hears of it where only the default one is missing, which then is no mistake.
    """
    for name in names:
        if name == DEFAULT and reporter is not None and not is_installed(name):
            reporter.say(
                "Curves are written to metrics.jsonl alone, because TensorBoard is not installed:"
                " pip install 'maskwright[tensorboard]', or --track none."
            )
        elif name != "none" and not is_installed(name):
            raise MaskwrightError(
                f"Tracker '{name}' needs a package that is not here: pip install"
                f" 'maskwright[{TRACKERS[name].extra}]'."
            )


def open_trackers(names: Sequence[str], folder: Path, settings: dict[str, Any]) -> list[Tracker]:
    """Open the trackers of a run; the default one is left out where its package is missing.

    settings: plain leaf values.
    """
    present = [name for name in names if name != DEFAULT or is_installed(name)]
    check_trackers(present)
    entries = [TRACKERS[name] for name in present if name != "none"]
    return [entry.build(folder, folder.name, settings) for entry in entries]
