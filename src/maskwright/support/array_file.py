"""Writing named arrays as .npz, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.support.files import write_atomic


def write_npz(path: Path | str, arrays: Mapping[str, Any], compressed: bool = True) -> None:
    """Write arrays by name; raises MaskwrightError when the disk is full.

    compressed: smaller, and slower to write.
    """
    save: Any = np.savez_compressed if compressed else np.savez

    def write(temporary: Path) -> None:
        # Through an open file, because NumPy adds .npz to a name without it.
        with temporary.open("wb") as file:
            save(file, **arrays)

    write_atomic(path, write)
