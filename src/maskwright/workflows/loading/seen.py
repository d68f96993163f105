"""What a run was trained on: written beside it, so that a later test can count the pictures it has
seen and take those set apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.data.store.same_picture import hash_names, is_numbered
from maskwright.support.files import write_atomic
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.runs.locate import home_of
from maskwright.workflows.settings.recipes import read_recipe

FILE = "seen.npz"


@dataclass(frozen=True)
class Seen:
    """Hashes of the pictures that a run was trained on and of those it set apart for a test, each
    once, rising.

    names, pixels, test: (n,) int64; names mean nothing in other data, so `data` says where they
        come from; pixels is empty for a stream.
    """

    data: str
    names: Tensor
    pixels: Tensor
    test: Tensor

    def count(self, store: PackedStore, data: str) -> int:
        """How many pictures of a store the run was trained on: by their pixels, and by their files
        too where the data is the run's.

        `row 5` is no such name: every split of an array has a row of that number.
        """
        known = torch.zeros(len(store), dtype=torch.bool)
        if store.content is not None:
            known |= torch.isin(store.content, self.pixels)
        if self.is_of(data):
            is_file = torch.tensor([not is_numbered(key) for key in store.keys])
            known |= is_file & torch.isin(hash_names(store.keys), self.names)
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


def test_apart(run: str | Path, own: Mapping[str, Any], data: str | None) -> str | None:
    """The run's folder where it has set pictures of this data, its own by default, apart for a
    test.
    """
    seen = read_seen(place_of(run))
    is_own = seen is not None and seen.is_of(data or str(own.get("data")))
    return str(place_of(run)) if seen is not None and is_own and len(seen.test) else None


def tell_seen(
    run: str | Path, test: PackedStore, data: str, reporter: Reporter
) -> dict[str, Any] | None:
    """How many test pictures a run was trained on, warned of and ready for JSON; None where no
    record tells.

    A run of an earlier version, trained on the same place, is warned of without a number.
    """
    seen = read_seen(place_of(run))
    if seen is None:
        _tell_unknown(place_of(run), data, reporter)
        return None
    count = seen.count(test, data)
    if count:
        reporter.warn(
            f"{count:,} of {len(test):,} test pictures are among those that {place_of(run)} was"
            " trained on (without labels), so its results flatter beside encoders that never saw"
            " them; train with --test-size 0.25, or test on other data."
        )
    return {"test_pictures_trained_on": count, "of": len(test)}


def _tell_unknown(folder: Path, data: str, reporter: Reporter) -> None:
    """Warn of a run that keeps no record, where it was trained on the whole of the same place."""
    config = folder / "config.yaml"
    own = read_recipe(str(config)).get("data", {}) if config.exists() else {}
    place = own.get("data") if isinstance(own, Mapping) else None
    if place == data and not own.get("split"):
        reporter.warn(
            f"{folder} was trained on '{data}' too and does not record which pictures; it may have"
            " seen test pictures (without labels)."
        )


def place_of(run: str | Path) -> Path:
    """The folder of a run, or of the run that a checkpoint or an exported file lies in."""
    place = home_of(run)
    around = (place, place.parent)
    return next((folder for folder in around if (folder / FILE).exists()), place)


_NONE = torch.zeros(0, dtype=torch.int64)
