"""Files of plain weights, .pth or .safetensors, read without running anything in them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.weights.finite import refuse_not_finite


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a state dict by name; raises MaskwrightError when the file is missing,
    damaged or something else.

    Weights that are not finite are refused too.
    """
    if not path.is_file():
        raise MaskwrightError(f"There are no weights at '{path}'.")
    try:
        read = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        raise MaskwrightError(
            f"Could not read '{path}' as weights: {str(error).splitlines()[0]}"
        ) from error
    if not isinstance(read, dict) or not all(isinstance(value, Tensor) for value in read.values()):
        raise MaskwrightError(f"'{path}' does not hold a plain mapping from names to tensors.")
    refuse_not_finite(read, path)
    return dict(read)
