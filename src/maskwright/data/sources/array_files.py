"""Pictures in an array file: one array (.npy) or several with names (.npz)."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.arrays import ArrayLocation, ArraySource, build_array_source
from maskwright.data.sources.file_names import extension
from maskwright.data.sources.folder_splits import SPLITS
from maskwright.data.sources.identity import State, file_state
from maskwright.data.sources.source_kind import LocatedPath, SourceKind
from maskwright.support.array_errors import array_fault
from maskwright.support.errors import MaskwrightError

# Names that people give to pictures and labels in a .npz file, the usual ones first.
_IMAGE_NAMES = ("images", "x", "data", "imgs", "pictures")
_LABEL_NAMES = ("labels", "y", "targets", "label", "target")


def open_array_file(
    path: Path, *, split: str | None = None, stated: ValueRanges = UNKNOWN
) -> ArraySource:
    """Open a .npy array, memory-mapped, or the arrays of a .npz file.

    A .npz file holds `images`, perhaps `labels`, or `train_images` and the like with splits.

    path: the file.
    split: train, val or test; None for the first that there is.
    stated: what means black and white, measured where it is unknown.
    """
    # Taken before reading: a file that changes meanwhile is not taken for what was read.
    state = file_state(path)
    try:
        if path.suffix.lower() == ".npy":
            return _open_npy(path, split, state, stated)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
        return _open_npz(arrays, path, split, state, stated)
    except MaskwrightError:
        raise  # it is a ValueError as well, and says already what is wrong
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise MaskwrightError(
            f"Cannot read the arrays of '{path}': {array_fault(error)}. Save it with numpy.save or"
            " numpy.savez, without objects."
        ) from error


def _open_npy(
    path: Path, split: str | None, state: State | None, stated: ValueRanges
) -> ArraySource:
    if split is not None:
        raise MaskwrightError(f"'{path}' is one array and has no split '{split}'.")
    images = np.lib.format.open_memmap(path, mode="r")
    return build_array_source(images, path.stem, location=ArrayLocation(path, state), stated=stated)


def _open_npz(
    arrays: Mapping[str, np.ndarray],
    path: Path,
    split: str | None,
    state: State | None,
    stated: ValueRanges,
) -> ArraySource:
    # Splits are those that have pictures; a file without any is one whole.
    splits = tuple(name for name in SPLITS if _find(arrays, _IMAGE_NAMES, name))
    if split is None and splits:
        split = splits[0]
    name = _find(arrays, _IMAGE_NAMES, split)
    if name is None and split is None:
        # Whatever it is called, the one array with as many axes as pictures have is meant.
        batches = [key for key, array in arrays.items() if array.ndim in (3, 4)]
        name = batches[0] if len(batches) == 1 else None
    if name is None:
        content = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
        missing = f"'{split}_images'" if split else "'images'"
        raise MaskwrightError(
            f"'{path}' has no array named {missing}; it holds {content or 'nothing'}."
        )
    label_name = _find(arrays, _LABEL_NAMES, split)
    # A column of labels, (N, 1) -> (N,).
    labels = None if label_name is None else arrays[label_name].reshape(-1).tolist()
    source = build_array_source(
        arrays[name],
        path.stem,
        labels=labels,
        location=ArrayLocation(path, state, name),
        stated=stated,
    )
    return replace(source, splits=splits)


def _find(arrays: Mapping[str, np.ndarray], names: Sequence[str], split: str | None) -> str | None:
    """Find an array called like one of `names`, in any case.

    With a split, its name stands before or after: `train_images` or `images_train`.
    """
    by_lower = {name.lower(): name for name in arrays}
    for name in names:
        forms = [name] if split is None else [f"{split}_{name}", f"{name}_{split}"]
        for form in forms:
            if form in by_lower:
                return by_lower[form]
    return None


ARRAY_FILE = SourceKind(
    name="array file",
    noun="an array (.npy .npz)",
    takes=LocatedPath,
    accepts=lambda located: extension(located.path.name) in ("npy", "npz"),
    open=lambda located, options: open_array_file(
        located.path, split=options.split, stated=options.ranges
    ),
)
