"""Painted holes, read as pixel masks, white = hidden: one for all pictures, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.masking.given import measure_cover
from maskwright.patches import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.building.policies import read_masks

# Endings of masks in a folder.
_ENDINGS = (".png", ".npy", ".bmp", ".webp")


def read_holes(
    mask: Any, names: Sequence[str], sizes: Sequence[tuple[int, int]], reporter: Reporter
) -> list[Tensor]:
    """Return one (h, w) boolean hole for each picture, True = hidden, at the picture's own size.

    A hole of another size is resampled by area.

    mask: a picture or .npy file for all, a folder with one of each picture's name, or booleans (H,
        W) or (n, H, W).
    names: of the pictures.
    sizes: the (height, width) of each.

    Raises MaskwrightError for a hole that hides nothing or everything, naming the picture.
    """
    if isinstance(mask, (np.ndarray, Tensor)):
        holes = _of_array(mask, len(names))
    else:
        holes = _of_path(Path(mask), names)
    fitted = [_fit(hole, size) for hole, size in zip(holes, sizes, strict=True)]
    changed = sum(tuple(hole.shape) != size for hole, size in zip(holes, sizes, strict=True))
    if changed:
        reporter.warn(
            f"{changed} of {len(names)} holes have another size than their picture and were"
            " resampled by area."
        )
    # A hole may vanish by resampling, so it is checked as it will be used.
    for name, hole in zip(names, fitted, strict=True):
        if hole.all():
            raise MaskwrightError(
                f"The mask for '{name}' hides everything; the model needs something to see."
            )
        if not hole.any():
            raise MaskwrightError(
                f"The mask for '{name}' hides nothing; paint what is to be filled in white."
            )
    return fitted


def _of_array(mask: Any, count: int) -> list[Tensor]:
    holes = torch.as_tensor(np.asarray(mask)).bool()
    if holes.ndim == 2:
        return [holes] * count
    if holes.ndim != 3 or len(holes) != count:
        raise MaskwrightError(
            f"Masks are (height, width) or one for each of {count} pictures; got shape"
            f" {tuple(holes.shape)}."
        )
    return list(holes)


def _of_path(path: Path, names: Sequence[str]) -> list[Tensor]:
    if not path.is_dir():
        return [_read(path)] * len(names)
    # A mask may have another ending than its picture: photos are JPEGs, masks are not.
    files = {item.stem: item for item in sorted(path.iterdir()) if item.suffix.lower() in _ENDINGS}
    missing = [name for name in names if Path(name).stem not in files]
    if missing:
        raise MaskwrightError(
            f"The folder '{path}' has no mask for '{missing[0]}'; it needs"
            f" {Path(missing[0]).stem}.png, white = hidden."
        )
    return [_read(files[Path(name).stem]) for name in names]


def _read(path: Path) -> Tensor:
    layers = read_masks(path)[0]
    if len(layers) != 1:
        raise MaskwrightError(
            f"The mask '{path}' holds {len(layers)} masks; one picture takes one."
        )
    return torch.from_numpy(np.ascontiguousarray(layers[0])).bool()


def _fit(hole: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a hole to another size: hidden where half of a pixel's area is."""
    if tuple(hole.shape) == size:
        return hole
    # The cover of a "grid" of one patch for each pixel: exact means of areas, (1, H * W).
    cover = measure_cover(hole[None], Grid(*size)).reshape(size)
    # Exactly half counts, whatever the rounding of floats.
    return cover >= 0.5 - 1e-6
