"""Trackers beside metrics.jsonl: TensorBoard, Weights & Biases (offline unless told otherwise) and
MLflow (a SQLite file).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from lightning.pytorch.loggers import MLFlowLogger, TensorBoardLogger, WandbLogger

from maskwright.support.errors import MaskwrightError
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
        self._logger = TensorBoardLogger(save_dir=folder, name="tensorboard", version="")

    def numbers(self, row: dict[str, float], step: int) -> None:
        self._logger.log_metrics(row, step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
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
        self._logger.log_hyperparams({key: str(value)[:500] for key, value in settings.items()})

    def numbers(self, row: dict[str, float], step: int) -> None:
        self._logger.log_metrics(row, step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        self._logger.experiment.log_image(self._logger.run_id, image, key=name, step=step)

    def close(self) -> None:
        self._logger.finalize("success")


TRACKERS: dict[str, tuple[type[Any], str, str]] = {
    "tensorboard": (TensorBoardTracker, "tensorboard", "tensorboard"),
    "wandb": (WandbTracker, "wandb", "wandb"),
    "mlflow": (MlflowTracker, "mlflow", "mlflow"),
}


def check_trackers(names: Sequence[str]) -> None:
    """Raise MaskwrightError when a tracker's package is missing, naming the extra that
    installs it.
    """
    for name in names:
        if name != "none" and find_spec(TRACKERS[name][1]) is None:
            raise MaskwrightError(
                f"Tracker '{name}' needs a package that is not here: pip install"
                f" 'maskwright[{TRACKERS[name][2]}]'."
            )


def open_trackers(names: Sequence[str], folder: Path, settings: dict[str, Any]) -> list[Tracker]:
    """Open the trackers of a run; settings are plain leaf values."""
    check_trackers(names)
    return [TRACKERS[name][0](folder, folder.name, settings) for name in names if name != "none"]
