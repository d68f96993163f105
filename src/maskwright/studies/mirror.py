"""Trials sent to the trackers that a laboratory already uses: MLflow, W&B or TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maskwright.studies.record import TrialRecord
from maskwright.training.trackers import TRACKERS


def mirror_trial(names: Sequence[str], study: Path, trial: Path, record: TrialRecord) -> None:
    """Send a trial's settings, numbers and compute to each tracker.

    study, trial: their folders; MLflow gets one database for the whole study.
    """
    settings = {
        "study": record.study,
        "arm": record.arm,
        "seed": record.seed,
        "state": record.state,
        **record.settings,
    }
    numbers = {name: float(value) for name, value in record.numbers.items()}
    # What is not known of the compute is left out, since trackers take numbers only.
    if record.compute is not None:
        known = {f"compute/{name}": value for name, value in vars(record.compute).items()}
        numbers |= {name: float(value) for name, value in known.items() if value is not None}
    step = record.compute.steps if record.compute else 0
    for name in names:
        folder = study if name == "mlflow" else trial
        # One run of the tracker per trial, closed at once.
        tracker = TRACKERS[name].build(folder, f"{record.arm} seed {record.seed}", settings)
        tracker.numbers({_plain(key): value for key, value in numbers.items()}, step)
        tracker.close()


def _plain(name: str) -> str:
    """A metric's name in the letters that MLflow allows."""
    return "".join(letter if letter.isalnum() or letter in "_-./ " else "_" for letter in name)
