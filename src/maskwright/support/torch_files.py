"""Tensors written atomically, as torch or safetensors files; a full disk is one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from maskwright.support.files import write_atomic, write_bytes


def write_torch(path: Path | str, content: Any) -> None:
    """Write a torch file, whole or not at all; raises MaskwrightError when the disk is full.

    torch hides a full disk behind a RuntimeError about positions in the archive; written through a
    Python file, it has the cause.
    """

    def write(temporary: Path) -> None:
        try:
            with temporary.open("wb") as file:
                torch.save(content, file)
        except RuntimeError as error:
            # the full disk stands behind torch's error; `write_atomic` turns it into a sentence
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise

    write_atomic(path, write)


def write_safetensors(
    path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file, whole or not at all.

    Raises MaskwrightError when the disk is full.
    """
    write_bytes(path, save(dict(tensors), metadata=None if metadata is None else dict(metadata)))
