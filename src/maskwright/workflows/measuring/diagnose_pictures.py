"""The pictures of a diagnosis, decoded and cut to the size of each encoder: labeled ones and
stimuli.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.reading import AS_FOUND, Reading
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import limited
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled import Split
from maskwright.workflows.loading.pictures import eval_batches, packed


@dataclass(frozen=True, eq=False)
class StorePictures:
    """Pictures of a packed store, shrunk and center-cropped to one size, gone through in order as
    often as wanted.
    """

    store: PackedStore
    size: tuple[int, int]
    batch_size: int = 128

    @property
    def labels(self) -> Tensor:
        """(n,) int64; -1 for pictures that have none."""
        return (
            torch.full((len(self.store),), -1) if self.store.labels is None else self.store.labels
        )

    @property
    def classes(self) -> Sequence[str]:
        return self.store.classes or ()

    @property
    def keys(self) -> Sequence[str]:
        return self.store.keys

    def __len__(self) -> int:
        return len(self.store)

    def __iter__(self) -> Iterator[Batch]:
        return eval_batches(self.store, self.size, self.batch_size)

    def take(self, ids: Sequence[int]) -> StorePictures:
        """Some of them, by their places."""
        return replace(self, store=self.store.subset(ids))


def open_both(
    split: Split, size: tuple[int, int], channels: int, reporter: Reporter
) -> tuple[StorePictures, StorePictures]:
    """Train and test pictures at one size."""
    found = split.open(size, channels, reporter)
    return StorePictures(found.train, size), StorePictures(found.test, size)


@dataclass(frozen=True)
class Stimuli:
    """Pictures that are only looked at, whose names say what they show."""

    source: Source
    limit: int | None
    seed: int

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> StorePictures:
        """The pictures at one size."""
        return StorePictures(
            limited(packed(self.source, size, channels, reporter), self.limit, self.seed), size
        )


def find_stimuli(data: str, limit: int | None, seed: int, reading: Reading = AS_FOUND) -> Stimuli:
    """Open cue-conflict pictures: those below `style-transfer/` alone where there is such a folder,
    as in Geirhos's repository.
    """
    source = open_source(data, reading=reading)
    keys = [source.key(index) for index in range(len(source))]
    inside = next(
        (key.split("style-transfer/")[0] for key in keys if "style-transfer/" in key), None
    )
    if inside is not None and not all("style-transfer/" in key for key in keys):
        source = open_source(f"{data.rstrip('/')}/{inside}style-transfer", reading=reading)
    return Stimuli(source, limit, seed)
