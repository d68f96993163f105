"""What a run was trained on, written beside it.

A later test can count the pictures that the run has seen, and take those it set apart.
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
from maskwright.support.array_file import write_npz
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.runs.locate import home_of
from maskwright.workflows.settings.recipes import read_recipe

FILE = "seen.npz"
_NONE = torch.zeros(0, dtype=torch.int64)


@dataclass(frozen=True)
class Seen:
    """Hashes of pictures, each once, rising.

    data: where they come from; names mean nothing in other data.
    names: (n,) int64, of the names of those trained on.
    pixels: (n,) int64, of their pixels; empty for a stream.
    test: (n,) int64, of the names of those set apart for a test.
    """

    data: str
    names: Tensor
    pixels: Tensor
    test: Tensor

    def count(self, store: PackedStore, data: str) -> int:
        """How many pictures of a store the run was trained on.

        They are known by their pixels, and by their files too where the data is the run's.
        """
        # (n,) booleans.
        known = torch.zeros(len(store), dtype=torch.bool)
        if store.content is not None:
            known |= torch.isin(store.content, self.pixels)
        if self.is_of(data):
            # `row 5` is no file: every split of an array has a row of that number.
            is_file = torch.tensor([not is_numbered(key) for key in store.keys])
            known |= is_file & torch.isin(hash_names(store.keys), self.names)
        return int(known.sum())

    def is_of(self, data: str) -> bool:
        """Whether this data is what the run was trained on, by its path."""
        # The text first: a name such as torchvision:STL10 is no path.
        return data == self.data or Path(data).resolve() == Path(self.data).resolve()

    def test_part(self, store: PackedStore) -> Tensor:
        """Which pictures (n,) of the run's own data were set apart."""
        return torch.isin(hash_names(store.keys), self.test)


def write_seen(folder: Path, data: str, pictures: Pictures) -> None:
    """Leave what a run is about to be trained on in its folder."""
    train, test = pictures.train, pictures.test
    # Hashes, not names: the file stays small and says nothing of anybody's folders.
    columns: dict[str, Any] = {
        "data": np.array(data),
        "names": hash_names(train.keys).unique().numpy(),
        "pixels": (train.content if train.content is not None else _NONE).unique().numpy(),
        "test": (hash_names(test.keys) if test is not None else _NONE).unique().numpy(),
    }
    write_npz(folder / FILE, columns)


def read_seen(folder: Path) -> Seen | None:
    """What a run was trained on; None for runs of earlier versions and for what is no run."""
    if not (folder / FILE).exists():
        return None
    with np.load(folder / FILE, allow_pickle=False) as arrays:
        return Seen(
            data=str(arrays["data"]),
            names=torch.from_numpy(arrays["names"]),
            pixels=torch.from_numpy(arrays["pixels"]),
            test=torch.from_numpy(arrays["test"]),
        )


def test_apart(run: str | Path, trained: Mapping[str, Any], data: str | None) -> str | None:
    """The run's folder where it has set pictures of this data apart for a test.

    trained: the run's settings; their data is meant when `data` is None.
    """
    folder = place_of(run)
    seen = read_seen(folder)
    if seen is None or not len(seen.test):
        return None
    return str(folder) if seen.is_of(data or str(trained.get("data"))) else None


def report_seen(
    run: str | Path, test: PackedStore, data: str, reporter: Reporter
) -> dict[str, Any] | None:
    """Warn of test pictures that a run was trained on; returns their number, ready for JSON.

    Returns None where the run keeps no record. A run of an earlier version, trained on the same
    data, is warned of without a number.
    """
    folder = place_of(run)
    seen = read_seen(folder)
    if seen is None:
        _warn_of_unknown(folder, data, reporter)
        return None
    # Seen without labels, but seen: the features may fit these pictures better.
    count = seen.count(test, data)
    if count:
        reporter.warn(
            f"{count:,} of {len(test):,} test pictures are among those that {folder} was"
            " trained on (without labels), so its results flatter beside encoders that never saw"
            " them; train with --test-size 0.25, or test on other data."
        )
    return {"test_pictures_trained_on": count, "of": len(test)}


def _warn_of_unknown(folder: Path, data: str, reporter: Reporter) -> None:
    """Warn of a run that keeps no record, where it was trained on the whole of the same place."""
    config = folder / "config.yaml"
    if not config.exists():
        return
    trained = read_recipe(str(config)).get("data", {})
    # A fine-tuning has other sections, and a split is not the whole.
    if not isinstance(trained, Mapping) or trained.get("split"):
        return
    if trained.get("data") == data:
        reporter.warn(
            f"{folder} was trained on '{data}' too and does not record which pictures; it may have"
            " seen test pictures (without labels)."
        )


def place_of(run: str | Path) -> Path:
    """The folder of a run, or of the run that a checkpoint or an exported file lies in."""
    home = home_of(run)
    # Checkpoints lie one folder below the run.
    for folder in (home, home.parent):
        if (folder / FILE).exists():
            return folder
    return home
