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
        # An optional extra.
        from torch.utils.tensorboard import SummaryWriter

        # A resumed run adds a file of events to the same folder.
        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def numbers(self, row: dict[str, float], step: int) -> None:
        for name, value in row.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        # A copy, because torch warns of arrays that cannot be written to.
        self._writer.add_image(name, torch.from_numpy(image.copy()), step, dataformats="HWC")

    def close(self) -> None:
        self._writer.close()


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
        # An optional extra.
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project="maskwright",
            name=name,
            dir=folder,
            mode="online" if goes_online() else "offline",
            config=settings,
        )
        # A resumed run may begin before its last row, which W&B's own counter would refuse.
        self._run.define_metric("*", step_metric="step")

    def numbers(self, row: dict[str, float], step: int) -> None:
        self._run.log({**row, "step": step})

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        # An optional extra.
        import wandb

        self._run.log({name: wandb.Image(image), "step": step})

    def close(self) -> None:
        self._run.finish()


class MlflowTracker:
    """MLflow with its database in RUN/mlflow.db."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any]) -> None:
        quiet_trackers()
        # An optional extra.
        from mlflow import MlflowClient

        folder.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(f"sqlite:///{(folder / 'mlflow.db').resolve()}")
        found = self._client.get_experiment_by_name("maskwright")
        place = str((folder / "mlartifacts").resolve())
        experiment = (
            self._client.create_experiment("maskwright", artifact_location=place)
            if found is None
            else found.experiment_id
        )
        self._id = self._client.create_run(experiment, run_name=name).info.run_id
        for key, value in settings.items():
            # MLflow refuses values that are longer than 500 characters.
            self._client.log_param(self._id, key, str(value)[:500])

    def numbers(self, row: dict[str, float], step: int) -> None:
        for name, value in row.items():
            self._client.log_metric(self._id, name, value, step=step)

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        self._client.log_image(self._id, image, key=name, step=step)

    def close(self) -> None:
        self._client.set_terminated(self._id)


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
    """Open the trackers of a run; the default one is left out where its package is missing.

    settings: plain leaf values.
    """
    present = [name for name in names if name != DEFAULT or is_installed(name)]
    check_trackers(present)
    entries = [TRACKERS[name] for name in present if name != "none"]
    return [entry.build(folder, folder.name, settings) for entry in entries]
