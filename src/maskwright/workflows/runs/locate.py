"""Where runs and weights are found: a folder, a file or a name becomes a loaded model."""

from __future__ import annotations

from pathlib import Path

from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedEncoder, LoadedModel, load_model
from maskwright.weights.hints import Hints, split_hints
from maskwright.weights.model_parts import Parts
from maskwright.weights.opening import is_name, load_autoencoder, load_encoder, open_parts
from maskwright.weights.zoo import PREFIX as ZOO
from maskwright.weights.zoo import zoo_names
from maskwright.workflows.runs.other_weights import suggesting_others
from maskwright.workflows.runs.run_folder import RunFolder, slug


def load_any(path: str | Path, hints: Hints | None = None) -> LoadedModel:
    """Load both halves of a model.

    path: a run folder (its last checkpoint), a file or folder of any known format,
        `official:NAME` or `zoo:NAME`; `PATH@heads=3,target=raw` says what a file does not.

    Raises MaskwrightError for an encoder alone; `load_any_encoder` takes those.
    """
    weights, hints = locate(path, hints)
    with suggesting_others(weights):
        return load_autoencoder(weights, hints)


def load_any_encoder(path: str | Path, hints: Hints | None = None) -> LoadedEncoder:
    """Load the encoder, with its decoder where there is one.

    path: all that `load_any` takes, encoders alone, and `timm:NAME`.
    """
    weights, hints = locate(path, hints)
    with suggesting_others(weights):
        return load_encoder(weights, hints)


def load_run(folder: RunFolder, checkpoint: str = "last") -> LoadedModel:
    """Load the model of a run with its pixel scale and settings.

    checkpoint: last, best_knn or epoch_0020.
    """
    path = folder.checkpoint(checkpoint)
    # A damaged file is answered with the whole ones of the run.
    with suggesting_others(path):
        return load_model(path)


def load_any_parts(path: str | Path) -> Parts:
    """The weights of all that `load_any_encoder` takes, taken apart."""
    weights, hints = locate(path)
    with suggesting_others(weights):
        return open_parts(weights, hints)


def locate(path: str | Path, hints: Hints | None = None) -> tuple[str, Hints]:
    """The weights behind a run folder, file, folder or name, and what the user says of them.

    Raises MaskwrightError when nothing is there.
    """
    text, behind = split_hints(path)
    hints = (hints or Hints()).over(behind)
    if is_name(text):
        return text, hints
    found = Path(text)
    if not found.exists():
        # A bare word is rather a name than a path.
        is_path = any(letter in text for letter in "/\\.")
        way = "" if is_path else f" A network that comes with timm is written timm:{text}."
        if text in zoo_names():
            way = f" The model of the zoo is written {ZOO}{text}."
        raise MaskwrightError(f"There is no run or checkpoint at '{text}'.{way}")
    if found.is_dir() and RunFolder(found).exists:
        folder = RunFolder(found)
        # Of a fine-tuning: the weights of the best epoch, which need not be the last.
        classifier = folder.exported / "classifier.safetensors"
        return str(classifier if classifier.exists() else folder.checkpoint()), hints
    return text, hints


def home_of(path: str | Path) -> Path:
    """Where results about weights go.

    The run folder itself, the folder of a file, or a new one named after a name.
    """
    # Hints are about weights, not about folders.
    text, _ = split_hints(path)
    if is_name(text):
        return Path(slug(text))
    home = Path(text)
    return home if home.is_dir() else home.parent
