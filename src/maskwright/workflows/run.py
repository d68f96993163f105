"""A run as an object: its numbers, its model, and what can be asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel, load_model
from maskwright.weights.facts import inspect_file
from maskwright.weights.fair_mae import load_official
from maskwright.workflows.recipes import flatten, read_recipe
from maskwright.workflows.run_folder import RunFolder
from maskwright.workflows.settings import PretrainSettings


class Run:
    """One pretraining run on disk."""

    def __init__(self, folder: RunFolder) -> None:
        folder.status()
        self.folder = folder

    def __repr__(self) -> str:
        return f"Run({self.folder.describe()})"

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def status(self) -> dict[str, Any]:
        """What run.json says: state, versions, seed, device, counts, operations, seconds."""
        return self.folder.status()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl."""
        return self.folder.metrics()

    @property
    def settings(self) -> PretrainSettings:
        """The complete settings of the run."""
        return PretrainSettings.from_flat(flatten(read_recipe(str(self.folder.config))))

    def model(self, checkpoint: str = "last") -> MaskedAutoencoder:
        """The model with its weights, in evaluation mode; checkpoint: last, best_knn or epoch_0020."""
        return self.load(checkpoint).model

    def load(self, checkpoint: str = "last") -> LoadedModel:
        """The model with its pixel scale and settings."""
        path = self.folder.checkpoints / f"{checkpoint}.ckpt"
        if not path.exists():
            kept = ", ".join(sorted(item.stem for item in self.folder.checkpoints.glob("*.ckpt"))) or "none yet"
            raise MaskwrightError(f"{self.folder} has no checkpoint '{checkpoint}'. It has: {kept}.")
        return load_model(path)

    def reconstruct(self, images: Any, **options: Any) -> Any:
        """Mask and fill in images; see `maskwright.reconstruct`."""
        from maskwright.workflows.reconstruct import reconstruct

        return reconstruct(self.path, images, **options)

    def evaluate(self, probe: str = "knn,linear", **options: Any) -> dict[str, Any]:
        """Measure the encoder; see `maskwright.evaluate`."""
        from maskwright.workflows.evaluate import evaluate

        return evaluate(self.path, probe=probe, **options)


def open_run(path: str | Path) -> Run:
    """Open a run folder."""
    return Run(RunFolder(path))


def load_any(path: str | Path) -> LoadedModel:
    """Load the model of a run folder (its last checkpoint), of one of our checkpoints, or of an official MAE file with a decoder."""
    place = Path(path)
    if place.is_dir():
        return open_run(place).load()
    if not place.exists():
        raise MaskwrightError(f"There is no run or checkpoint at '{path}'.")
    return load_official(place) if inspect_file(place).kind.startswith("official") else load_model(place)
