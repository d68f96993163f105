"""A run as an object: its numbers, its model, and what can be asked of it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import picture_html
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.doctor import doctor
from maskwright.workflows.evaluate import Evaluated, evaluate
from maskwright.workflows.filling.outcome import Reconstruction
from maskwright.workflows.reconstruct import reconstruct
from maskwright.workflows.runs.curves import draw_curves
from maskwright.workflows.runs.locate import load_run
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.segment import Segmented, segment
from maskwright.workflows.settings.finetune_settings import (
    SECTION,
    FinetuneSettings,
    build_finetune_settings,
)
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import flatten, read_recipe


class Run:
    """A run on disk, of pretraining for the most part."""

    def __init__(self, folder: RunFolder) -> None:
        folder.status()  # raises for what is no run
        self.folder = folder

    def __repr__(self) -> str:
        return f"Run({self.folder.describe()})"

    def _repr_png_(self) -> bytes | None:
        """The curves, for notebooks and other programs that show pictures."""
        return draw_curves(self.folder)

    def _repr_html_(self) -> str:
        """The state and the curves, for notebooks."""
        picture = self._repr_png_()
        curves = ""
        if picture is not None:
            curves = f"<br>{picture_html(picture, 'curves of the training')}"
        return f"<div>{escape(self.folder.describe())}{curves}</div>"

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
    def kind(self) -> str:
        """What was trained: pretrain, finetune or select."""
        return str(self.status.get("kind", "pretrain"))

    @property
    def settings(self) -> PretrainSettings:
        """The complete settings of a pretraining.

        Raises MaskwrightError for a fine-tuning, which has `finetune_settings`.
        """
        self._check_kind("pretrain")
        return PretrainSettings.from_flat(flatten(read_recipe(str(self.folder.config))))

    @property
    def finetune_settings(self) -> FinetuneSettings:
        """The settings of a fine-tuning; raises MaskwrightError for another run."""
        # Read back from config.yaml, which is complete.
        self._check_kind(SECTION)
        return build_finetune_settings({}, (), str(self.folder.config))

    def model(self, checkpoint: str = "last") -> MaskedAutoencoder:
        """The model with its weights, in evaluation mode.

        checkpoint: last, best_knn or epoch_0020.
        """
        return self.load(checkpoint).model

    def load(self, checkpoint: str = "last") -> LoadedModel:
        """The model with its pixel scale and settings."""
        return load_run(self.folder, checkpoint)

    def _check_kind(self, kind: str) -> None:
        if self.kind == kind:
            return
        # Other kinds of runs have their settings in the file alone.
        properties = {"pretrain": "run.settings", SECTION: "run.finetune_settings"}
        where = properties.get(self.kind, self.folder.config)
        raise MaskwrightError(
            f"{self.folder} is a run of {self.kind}, not of {kind}; its settings are in {where}."
        )

    def checkpoint(self, name: str = "last") -> Path:
        """The file of a checkpoint; raises MaskwrightError, naming those kept, for others."""
        return self.folder.checkpoint(name)

    def reconstruct(self, images: Any, **options: Any) -> Reconstruction:
        """Mask and fill in images; see `maskwright.reconstruct`."""
        return reconstruct(self.path, images, **options)

    def doctor(self, **options: Any) -> Any:
        """Say whether the training works; see `maskwright.doctor`."""
        return doctor(self.path, **options)

    def evaluate(self, probe: str = "knn,linear", **options: Any) -> Evaluated:
        """Measure the encoder; see `maskwright.evaluate`."""
        return evaluate(self.path, probe=probe, **options)

    def segment(self, images: Any, **options: Any) -> Segmented:
        """Give every pixel a class; `evaluate("segmentation(maps=...)")` fits a head first."""
        return segment(self.path, images, **options)


def open_run(path: str | Path) -> Run:
    """Open a run folder."""
    return Run(RunFolder(path))
