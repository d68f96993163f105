"""Where runs and weights are found: a folder, a file or a name becomes a loaded model."""

from __future__ import annotations

from pathlib import Path

from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedEncoder, LoadedModel
from maskwright.weights.hints import Hints, split_hints
from maskwright.weights.opening import is_name, load_autoencoder, load_encoder
from maskwright.workflows.runs.other_weights import offering_others
from maskwright.workflows.runs.run_folder import RunFolder, slug


def load_any(path: str | Path, hints: Hints | None = None) -> LoadedModel:
    """Load both halves of a model from a run folder (its last checkpoint), a file or folder of any
    known format, or `official:NAME`.

    `PATH@heads=3,target=raw` tells what a file does not. Raises MaskwrightError for an encoder
    alone; `load_any_encoder` takes those.
    """
    place, told = locate(path, hints)
    with offering_others(place):
        return load_autoencoder(place, told)


def load_any_encoder(path: str | Path, hints: Hints | None = None) -> LoadedEncoder:
    """Load the encoder, with its decoder where there is one, of all that `load_any` takes, of
    encoders alone and of `timm:NAME`.
    """
    place, told = locate(path, hints)
    with offering_others(place):
        return load_encoder(place, told)


def locate(path: str | Path, hints: Hints | None = None) -> tuple[str, Hints]:
    """The weights behind a run folder, file, folder or name, and what the user told about them;
    raises when nothing is there.
    """
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
        return str(classifier if classifier.exists() else RunFolder(place).checkpoint()), told
    return text, told


def home_of(path: str | Path) -> Path:
    """Where results about weights go: the run folder itself, a folder beside a file, or one named
    after a name.
    """
    text, _ = split_hints(path)
    if is_name(text):
        return Path(slug(text))
    place = Path(text)
    return place if place.is_dir() else place.parent
