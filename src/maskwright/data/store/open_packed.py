"""Opening a packed store from its folder, checked before a picture is taken from it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskwright.data.store.chunks import damage
from maskwright.data.store.packed import FACTS, FORMAT, INDEX, PIXELS, PackedStore, Skipped
from maskwright.support.array_errors import array_fault
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json


def open_packed(folder: Path) -> PackedStore:
    """Open a finished store, after checking its size and checksums, see `damage`.

    Raises MaskwrightError when there is none, when it is damaged or when it was written in another
    format.
    """
    if not (folder / FACTS).exists():
        raise MaskwrightError(f"There is no packed store in '{folder}'.")
    facts = read_json(folder / FACTS)
    if facts.get("format") != FORMAT:
        raise MaskwrightError(
            f"The packed store '{folder}' has format {facts.get('format')}, not {FORMAT}; delete it"
            " and it is built again."
        )
    defect = damage(folder / PIXELS, facts)
    if defect is not None:
        raise _damaged(folder, defect)
    index = _read_index(folder)
    return PackedStore(
        folder=folder,
        num_bytes=facts["num_bytes"],
        channels=facts["channels"],
        short_side=facts["short_side"],
        fingerprint=facts["fingerprint"],
        # Stores of the first version do not say it.
        reading=facts.get("reading", 1),
        labels=index.get("labels"),
        classes=None if facts["classes"] is None else tuple(facts["classes"]),
        keys=tuple(facts["keys"]),
        skipped=tuple(Skipped(*item) for item in facts["skipped"]),
        offsets=index["offsets"],
        heights=index["heights"],
        widths=index["widths"],
        value_range=facts.get("value_range"),
        pixel_hashes=index.get("pixel_hashes"),
    )


def _read_index(folder: Path) -> dict[str, Tensor]:
    try:
        with (folder / INDEX).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(folder, f"its index cannot be read: {array_fault(error)}") from error


def _damaged(folder: Path, defect: str) -> MaskwrightError:
    return MaskwrightError(
        f"The packed store '{folder}' is damaged: {defect}. Delete that folder and it is built"
        " again."
    )
