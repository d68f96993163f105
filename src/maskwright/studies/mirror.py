"""Trials mirrored to trackers that a laboratory already uses: MLflow, Weights & Biases or
TensorBoard.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maskwright.studies.record import TrialRecord
from maskwright.training.trackers import TRACKERS


def mirror_trial(names: Sequence[str], folder: Path, place: Path, record: TrialRecord) -> None:
    """Send a trial's settings, numbers and compute to each tracker; MLflow gets one database for
    the whole study.
    """
    settings = {
        "study": record.study,
        "arm": record.arm,
        "seed": record.seed,
        "state": record.state,
        **record.settings,
    }
    numbers = {name: float(value) for name, value in record.numbers.items()}
    if record.compute is not None:
        known = {f"compute/{name}": value for name, value in vars(record.compute).items()}
        numbers |= {name: float(value) for name, value in known.items() if value is not None}
    for name in names:
        home = folder if name == "mlflow" else place
        tracker = TRACKERS[name].build(home, f"{record.arm} seed {record.seed}", settings)
        tracker.numbers(
            {_plain(key): value for key, value in numbers.items()},
            record.compute.steps if record.compute else 0,
        )
        tracker.close()


def _plain(name: str) -> str:
    """A metric's name in the letters that MLflow allows."""
    return "".join(letter if letter.isalnum() or letter in "_-./ " else "_" for letter in name)
