"""A run as an object: its numbers, its model, and what can be asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedEncoder, LoadedModel, load_model
from maskwright.weights.hints import Hints, split_hints
from maskwright.weights.opening import is_name, load_autoencoder, load_encoder
from maskwright.workflows.runs.other_weights import offering_others
from maskwright.workflows.runs.run_folder import RunFolder, slug
from maskwright.workflows.settings.finetune_settings import (
    SECTION,
    FinetuneSettings,
    build_finetune_settings,
)
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import flatten, read_recipe


class Run:
    """One run on disk, of pretraining for the most part."""

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
    def kind(self) -> str:
        """What was trained: pretrain, finetune or select."""
        return str(self.status.get("kind", "pretrain"))

    @property
    def settings(self) -> PretrainSettings:
        """The complete settings of a pretraining; raises MaskwrightError for a fine-tuning, whose own are `finetune_settings`."""
        self._check_kind("pretrain")
        return PretrainSettings.from_flat(flatten(read_recipe(str(self.folder.config))))

    @property
    def finetune_settings(self) -> FinetuneSettings:
        """The settings of a fine-tuning; raises MaskwrightError for another run."""
        self._check_kind(SECTION)
        return build_finetune_settings({}, (), str(self.folder.config))

    def model(self, checkpoint: str = "last") -> MaskedAutoencoder:
        """The model with its weights, in evaluation mode; checkpoint: last, best_knn or epoch_0020."""
        return self.load(checkpoint).model

    def load(self, checkpoint: str = "last") -> LoadedModel:
        """The model with its pixel scale and settings."""
        path = self.checkpoint(checkpoint)
        with offering_others(path):
            return load_model(path)

    def _check_kind(self, wanted: str) -> None:
        if self.kind != wanted:
            where = {"pretrain": "run.settings", SECTION: "run.finetune_settings"}.get(
                self.kind, self.folder.config
            )
            raise MaskwrightError(
                f"{self.folder} is a run of {self.kind}, not of {wanted}; its settings are in {where}."
            )

    def checkpoint(self, name: str = "last") -> Path:
        """The file of a checkpoint; raises MaskwrightError, naming those there are, when it is not kept."""
        path = self.folder.checkpoints / f"{name}.ckpt"
        if not path.exists():
            kept = (
                ", ".join(sorted(item.stem for item in self.folder.checkpoints.glob("*.ckpt")))
                or "none yet"
            )
            raise MaskwrightError(f"{self.folder} has no checkpoint '{name}'. It has: {kept}.")
        return path

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


def load_any(path: str | Path, hints: Hints | None = None) -> LoadedModel:
    """Load both halves of a model from a run folder (its last checkpoint), a file or folder of any known format, or `official:NAME`.

    `PATH@heads=3,target=raw` tells what a file does not. Raises MaskwrightError for an encoder alone; `load_any_encoder` takes those.
    """
    place, told = locate(path, hints)
    with offering_others(place):
        return load_autoencoder(place, told)


def load_any_encoder(path: str | Path, hints: Hints | None = None) -> LoadedEncoder:
    """Load the encoder, with its decoder where there is one, of all that `load_any` takes, of encoders alone and of `timm:NAME`."""
    place, told = locate(path, hints)
    with offering_others(place):
        return load_encoder(place, told)


def locate(path: str | Path, hints: Hints | None = None) -> tuple[str, Hints]:
    """The weights behind a run folder, file, folder or name, and what the user told about them; raises when nothing is there."""
    text, behind = split_hints(path)
    told = (hints or Hints()).over(behind)
    if is_name(text):
        return text, told
    place = Path(text)
    if not place.exists():
        way = (
            ""
            if any(letter in text for letter in "/\\.")
            else f" A network that comes with timm is written timm:{text}."
        )
        raise MaskwrightError(f"There is no run or checkpoint at '{text}'.{way}")
    if place.is_dir() and RunFolder(place).exists:
        classifier = (
            RunFolder(place).exported / "classifier.safetensors"
        )  # of a fine-tuning: the epoch that was chosen
        return str(classifier if classifier.exists() else open_run(place).checkpoint()), told
    return text, told


def home_of(path: str | Path) -> Path:
    """Where results about weights go: the run folder itself, a folder beside a file, or one named after a name."""
    text, _ = split_hints(path)
    if is_name(text):
        return Path(slug(text))
    place = Path(text)
    return place if place.is_dir() else place.parent
