"""What a run was trained on: written beside it, so that a later test can count the pictures it has seen and take those set apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.data.packed import PackedStore
from maskwright.data.same_picture import hash_names
from maskwright.support.files import write_atomic
from maskwright.workflows.loading import Pictures

FILE = "seen.npz"


@dataclass(frozen=True)
class Seen:
    """Hashes of the pictures that a run was trained on and of those it set apart for a test, each once, rising.

    names, pixels, test: (n,) int64; names mean nothing in other data, so `data` says where they come from; pixels is empty for a stream.
    """

    data: str
    names: Tensor
    pixels: Tensor
    test: Tensor

    def count(self, store: PackedStore, data: str) -> int:
        """How many pictures of a store the run was trained on: by their pixels, and by their names too where the data is the run's."""
        known = torch.zeros(len(store), dtype=torch.bool)
        if store.content is not None:
            known |= torch.isin(store.content, self.pixels)
        if self.is_of(data):
            known |= torch.isin(hash_names(store.keys), self.names)
        return int(known.sum())

    def is_of(self, data: str) -> bool:
        """Whether this data is what the run was trained on, by its place."""
        return data == self.data or Path(data).resolve() == Path(self.data).resolve()

    def test_part(self, store: PackedStore) -> Tensor:
        """Which pictures (n,) of the run's own data were set apart."""
        return torch.isin(hash_names(store.keys), self.test)


def write_seen(folder: Path, data: str, pictures: Pictures) -> None:
    """Leave what a run is about to be trained on in its folder."""
    train, test = pictures.train, pictures.test
    columns: dict[str, Any] = {
        "data": np.array(data),
        "names": hash_names(train.keys).unique().numpy(),
        "pixels": (train.content if train.content is not None else _NONE).unique().numpy(),
        "test": (hash_names(test.keys) if test is not None else _NONE).unique().numpy(),
    }

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **columns)

    write_atomic(folder / FILE, write)


def read_seen(folder: Path) -> Seen | None:
    """What a run was trained on; None for runs of earlier versions and for what is no run."""
    if not (folder / FILE).exists():
        return None
    with np.load(folder / FILE, allow_pickle=False) as arrays:
        hashes = [torch.from_numpy(arrays[name]) for name in ("names", "pixels", "test")]
        return Seen(str(arrays["data"]), *hashes)


_NONE = torch.zeros(0, dtype=torch.int64)
