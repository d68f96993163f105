"""Opening weight files of any origin without running what is inside them.

These are torch files, safetensors, and folders with a config.json.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from maskwright.support.errors import MaskwrightError, is_out_of_memory
from maskwright.support.files import read_json
from maskwright.weights.plain_values import ALLOWED

# The entry of a file that holds what maskwright wrote about it.
ABOUT = "maskwright"
WEIGHT_NAMES = ("model.safetensors", "pytorch_model.bin")
# Says which file holds which tensor, where a model is too large for one file.
_INDEX = "model.safetensors.index.json"
# Where training code keeps the weights in its checkpoints; the first that is there is taken.
_STATE_KEYS = ("state_dict", "model", "model_state_dict", "teacher", "target_encoder", "model_ema")


class BrokenFile(MaskwrightError):
    """A weight file that is empty, cut or damaged."""

    def __init__(self, what: str, advice: str = "") -> None:
        """Make the sentence.

        what: without advice, for callers who know of another copy.
        advice: what to do.
        """
        super().__init__(f"{what}; {advice}." if advice else f"{what}.")
        self.what = what


@dataclass(frozen=True)
class WeightFile:
    """A weight file as read.

    path: of the file or folder.
    content: all that is in it.
    state: the tensors of its state dict.
    config: of the config.json beside it; empty without one.
    preprocessor: of the preprocessor_config.json beside it; empty without one.
    """

    path: Path
    content: Mapping[str, Any]
    state: dict[str, Tensor]
    config: Mapping[str, Any] = field(default_factory=dict)
    preprocessor: Mapping[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> Mapping[str, Any] | None:
        """What maskwright wrote about the model into the file, if it did."""
        about = self.content.get(ABOUT)
        return about if isinstance(about, Mapping) else None


def open_weights(path: Path | str) -> WeightFile:
    """Read a weight file, or a folder as Hugging Face and timm write it.

    Raises MaskwrightError as `read_file` does, and for a folder without weights.
    """
    path = Path(path)
    # Any file may lie beside a config.json of something else; these names belong to one.
    if not path.is_dir():
        content = read_file(path)
        beside = path.parent if path.name in WEIGHT_NAMES else None
    else:
        content, beside = _read_folder(path), path
    return WeightFile(
        path,
        content,
        weights_in(content),
        _json_in(beside, "config.json"),
        _json_in(beside, "preprocessor_config.json"),
    )


def read_file(path: Path | str) -> dict[str, Any]:
    """Read a torch or safetensors file to a dictionary, with weights_only=True so that nothing in
    it can run.

    Settings and numbers beside the weights (argparse.Namespace, numpy's numbers, paths) are read as
    plain values. Raises MaskwrightError, naming the file and what it seems to be, when it is
    missing or not a dictionary of weights; BrokenFile when it is empty or truncated.
    """
    path = Path(path)
    if not path.is_file():
        raise MaskwrightError(
            f"There is no file {path}; give a checkpoint (.ckpt, .pth, .safetensors)."
        )
    if path.stat().st_size == 0:
        raise BrokenFile(
            f"{path} is empty (0 bytes): the copy or download did not finish", "fetch it again"
        )
    try:
        content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except Exception as error:
        # All exceptions, because there is nothing that a damaged file does not raise.
        if is_out_of_memory(error):
            raise
        raise _refusal(path, error) from error
    if not isinstance(content, dict):
        raise MaskwrightError(
            f"{path} holds a {type(content).__name__}, not a dictionary of weights."
        )
    return content


def weights_in(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a state dict, which stands under one of the usual keys; may be empty."""
    for key in _STATE_KEYS:
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    # Parallel training puts `module.` in front of all names, torch.compile `_orig_mod.`.
    return {
        str(key).replace("_orig_mod.", "").removeprefix("module."): value
        for key, value in content.items()
        if isinstance(value, Tensor)
    }


def _read_torch(path: Path) -> Any:
    with torch.serialization.safe_globals(ALLOWED):
        return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> dict[str, Any]:
    """The tensors, and under `maskwright` what our exports say in the file's metadata."""
    with safe_open(path, framework="pt") as file:
        # The file is no mapping: it has keys and cannot be looped over.
        names = list(file.keys())
        content: dict[str, Any] = {name: file.get_tensor(name) for name in names}
        described = (file.metadata() or {}).get(ABOUT)
    return content if described is None else {**content, ABOUT: json.loads(described)}


def _read_folder(folder: Path) -> dict[str, Any]:
    for name in WEIGHT_NAMES:
        if (folder / name).exists():
            return read_file(folder / name)
    if (folder / _INDEX).exists():
        return _read_shards(folder)
    # A few names are enough to see that it is the wrong folder.
    held = ", ".join(sorted(item.name for item in folder.iterdir())[:4]) or "nothing"
    raise MaskwrightError(
        f"The folder {folder} is neither a run (no run.json) nor a model (no"
        f" {' or '.join(WEIGHT_NAMES)}); it holds {held}."
    )


def _read_shards(folder: Path) -> dict[str, Any]:
    """A model in several files, which the index names."""
    shard_of = _json_in(folder, _INDEX).get("weight_map")
    if not isinstance(shard_of, Mapping):
        raise MaskwrightError(
            f"{folder / _INDEX} does not say which files hold the weights (no weight_map);"
            " fetch it again."
        )
    content: dict[str, Any] = {}
    for shard in sorted(set(map(str, shard_of.values()))):
        content |= read_file(folder / shard)
    return content


def section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A mapping inside of a config file; empty when there is none under that name."""
    held = config.get(name)
    return held if isinstance(held, Mapping) else {}


def _json_in(folder: Path | None, name: str) -> Mapping[str, Any]:
    if folder is None or not (folder / name).exists():
        return {}
    content = read_json(folder / name)
    return content if isinstance(content, Mapping) else {}


def _refusal(path: Path, error: Exception) -> MaskwrightError:
    """What seems to be in a file that could not be read, guessed from its first bytes."""
    start = f"Could not read weights from {path}: "
    if isinstance(error, PermissionError):
        return MaskwrightError(f"{start}{error.strerror}.")
    # Torch files begin as ZIP archives or pickles, pointers of Git LFS and web pages as text.
    with path.open("rb") as file:
        first = file.read(64)
    if _is_text(first):
        return MaskwrightError(f"{start}{_describe_text(first)}")
    if path.suffix == ".safetensors":
        return BrokenFile(
            f"{start}it is not a whole safetensors file (truncated, or another format under that"
            " name)",
            "fetch it again",
        )
    if path.suffix == ".onnx":
        return MaskwrightError(
            f"{start}it is an ONNX graph, which onnxruntime runs; only its source can be loaded"
            " here."
        )
    # A whole archive is refused by the unpickler, a cut one before that.
    if first.startswith(b"PK") and not isinstance(error, pickle.UnpicklingError):
        return BrokenFile(
            f"{start}it begins like a torch file but is truncated or damaged", "fetch it again"
        )
    if first.startswith((b"PK", b"\x80")):
        return MaskwrightError(f"{start}{_describe_pickle(error)}")
    return MaskwrightError(f"{start}it is not a torch file.")


def _is_text(first: bytes) -> bool:
    return all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in first)


def _describe_text(first: bytes) -> str:
    if first.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the weights: fetch them with git lfs pull."
    return f"it is a text file that begins {first[:24].decode('ascii')!r}."


def _describe_pickle(error: Exception) -> str:
    # torch names what it refused, and that tells whose file it is.
    refused = str(error).partition("Unsupported global: GLOBAL ")[2].split(" ", 1)[0]
    if refused:
        return (
            f"it is a pickle with a {refused} object inside, which is never loaded because it could"
            " run code. If you trust it, open it in the project that made it, w = torch.load(FILE,"
            " weights_only=False), and save its weights alone: of a whole model with"
            " torch.save(w.state_dict(), 'weights.pth'), of a dictionary with"
            " torch.save(w['model'], 'weights.pth') or whatever key holds them, such as"
            " w['state_dict']."
        )
    return (
        "it is a pickle that holds more than plain weights, or is damaged; it is never unpickled"
        " because it could run code."
    )
