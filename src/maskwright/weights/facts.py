"""Opening weight files of any origin without running what is inside them, and saying in one sentence what a file is."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from maskwright.support.errors import MaskwrightError

Kind = Literal["maskwright", "official_full", "official_encoder", "official_finetuned", "unknown"]
FORMAT = 1


@dataclass(frozen=True)
class FileFacts:
    """What a weight file is: its kind, a sentence for people, and the counts behind it."""

    path: Path
    kind: Kind
    summary: str
    num_tensors: int
    num_parameters: int
    details: Mapping[str, Any]


def read_file(path: Path | str) -> dict[str, Any]:
    """Read a torch or safetensors file to a dictionary, with weights_only=True so that nothing in it can run.

    Raises MaskwrightError, naming the file and what it seems to be, when it is missing, empty, truncated or not a dictionary of weights.
    """
    path = Path(path)
    if not path.is_file():
        raise MaskwrightError(f"There is no file {path}; give a checkpoint (.ckpt, .pth, .safetensors).")
    if path.stat().st_size == 0:
        raise MaskwrightError(f"{path} is empty (0 bytes): the copy or download did not finish; fetch it again.")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile, SafetensorError) as error:
        raise MaskwrightError(f"Could not read weights from {path}: {_suspect(path, error)}") from error
    if not isinstance(content, dict):
        raise MaskwrightError(f"{path} holds a {type(content).__name__}, not a dictionary of weights.")
    return content


def _suspect(path: Path, error: Exception) -> str:
    """Guess from the first bytes why a file cannot be read."""
    with path.open("rb") as file:
        first = file.read(64)
    if path.suffix == ".safetensors":
        return "it is not a whole safetensors file (truncated, or another format under that name)."
    if first.startswith(b"PK"):
        if isinstance(error, pickle.UnpicklingError):
            return _describe_pickle(error)
        return "it begins like a torch file but is truncated or damaged; fetch it again."
    if first.startswith(b"\x80"):
        return _describe_pickle(error)
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in first):
        return f"it is a text file that begins {first[:24].decode('ascii')!r}."
    return "it is not a torch file."


def _describe_pickle(error: Exception) -> str:
    refused = str(error).partition("Unsupported global: GLOBAL ")[2].split(" ", 1)[0]
    if refused:
        more = " Save its 'model' entry alone, or open it where you trust it." if refused == "argparse.Namespace" else ""
        return f"it is a pickle with a {refused} object inside, which is never loaded because it could run code.{more}"
    return "it is a pickle that holds more than plain weights, or is damaged; it is never unpickled because it could run code."


def weights_in(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a state dict, found under the usual keys, without `module.` and `_orig_mod.` prefixes; may be empty."""
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    return {
        str(key).replace("_orig_mod.", "").removeprefix("module."): value for key, value in content.items() if isinstance(value, Tensor)
    }


def inspect_file(path: Path | str) -> FileFacts:
    """Say what a weight file is without building a model; raises MaskwrightError when it cannot be read at all."""
    content = read_file(path)
    state = weights_in(content)
    kind = _kind_of(content, state)
    total = sum(value.numel() for value in state.values())
    about = content["maskwright"] if kind == "maskwright" else {}
    return FileFacts(Path(path), kind, _sentence(kind, state, content), len(state), total, about)


def _kind_of(content: Mapping[str, Any], state: Mapping[str, Tensor]) -> Kind:
    if isinstance(content.get("maskwright"), Mapping):
        return "maskwright"
    if "patch_embed.proj.weight" not in state or "blocks.0.attn.qkv.weight" not in state:
        return "unknown"
    if "decoder_pred.weight" in state:
        return "official_full"
    return "official_finetuned" if {"head.weight", "fc_norm.weight"} <= set(state) else "official_encoder"


def _sentence(kind: Kind, state: Mapping[str, Tensor], content: Mapping[str, Any]) -> str:
    if kind == "maskwright":
        return f"a maskwright model ({len(state)} tensors)"
    if kind == "official_full":
        return f"an official MAE model, encoder and decoder ({len(state)} tensors)"
    if kind == "official_encoder":
        return f"an encoder only, under the names of timm and the official MAE ({len(state)} tensors, no decoder_*)"
    if kind == "official_finetuned":
        return f"a fine-tuned classifier of the official MAE ({len(state)} tensors, no decoder_*)"
    shown = ", ".join(map(str, list(content)[:4])) or "nothing"
    return f"not a masked autoencoder known here: a dictionary with {shown}{', ...' if len(content) > 4 else ''}"
