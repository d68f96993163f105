"""Files of plain weights, .pth or .safetensors, read without running anything in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.weights.finite import refuse_not_finite


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a state dict by name.

    Raises MaskwrightError when the file is missing, damaged or something else, and for weights that
    are not finite.
    """
    if not path.is_file():
        raise MaskwrightError(f"There are no weights at '{path}'.")
    # What readers raise for a damaged file depends on where it is damaged.
    try:
        state = _load(path)
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
    if not isinstance(state, dict) or not all(isinstance(item, Tensor) for item in state.values()):
        raise MaskwrightError(f"'{path}' does not hold a plain mapping from names to tensors.")
    refuse_not_finite(state, path)
    return dict(state)


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
