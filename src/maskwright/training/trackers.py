"""Trackers beside metrics.jsonl: TensorBoard, Weights & Biases and MLflow.

Weights & Biases goes online after `wandb login` and stays offline without; WANDB_MODE decides
otherwise. MLflow keeps a SQLite file.
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


def goes_online() -> bool:
    """Whether Weights & Biases gets its runs at once: WANDB_MODE says so, or somebody logged in."""
    if (mode := tracker_mode()) is not None:
        return mode == "online"
    # An optional extra. It knows where `wandb login` leaves a key; none is read here.
    import wandb

    return bool(wandb.api.api_key)


class WandbTracker:
    """Weights & Biases: online where `goes_online`, else under RUN/wandb."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._logger = WandbLogger(
            name=name,
            save_dir=folder,
            project="maskwright",
            offline=not goes_online(),
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


def check_trackers(names: Sequence[str]) -> None:
    """Raise MaskwrightError when a tracker's package is missing, naming the extra with it."""
    for name in names:
        if name != "none" and find_spec(TRACKERS[name].package) is None:
            raise MaskwrightError(
                f"Tracker '{name}' needs a package that is not here: pip install"
                f" 'maskwright[{TRACKERS[name].extra}]'."
            )


def tracker_notes(names: Sequence[str], folder: Path) -> list[str]:
    """What to say of trackers before a run begins: whether anything leaves this machine."""
    if "wandb" not in names:
        return []
    if goes_online():
        return ["Weights & Biases: online (WANDB_MODE=offline keeps a run on this machine)"]
    return [
        "Weights & Biases: offline, because nobody is logged in here. Send the run later: wandb"
        f" login, then wandb sync {folder / 'wandb'}/offline-run-*"
    ]


def open_trackers(names: Sequence[str], folder: Path, settings: dict[str, Any]) -> list[Tracker]:
    """Open the trackers of a run; settings are plain leaf values."""
    check_trackers(names)
    wanted = [TRACKERS[name] for name in names if name != "none"]
    return [entry.build(folder, folder.name, settings) for entry in wanted]
