"""A packed store, which `maskwright prepare` wrote, as a source of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from maskwright.data.pixels.decode import AS_STORED, DecodeOptions, UnreadableImage
from maskwright.data.pixels.pixel_values import fit_pixels
from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.file_names import slug
from maskwright.data.sources.folder_splits import find_splits, pick_split
from maskwright.data.sources.label_column import LabelColumn
from maskwright.data.sources.source_kind import LocatedPath, SourceKind
from maskwright.data.store.open_packed import open_packed
from maskwright.data.store.packed import FACTS, PackedStore


@dataclass(frozen=True, kw_only=True, eq=False)
class StoreSource:
    """The pictures of a packed store, or of one of its splits.

    `pack` gives the store itself back instead of copying it.

    store: the pictures.
    name: a short name fit for a folder.
    notes: sentences for people about what was decided while opening.
    splits: the splits that can be chosen.
    label_notes: those of the notes that are about the labels.
    """

    store: PackedStore
    name: str
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    label_notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.store)

    @property
    def keys(self) -> Sequence[str]:
        return self.store.keys

    @property
    def labels(self) -> list[int] | None:
        return None if self.store.labels is None else self.store.labels.tolist()

    @property
    def classes(self) -> list[str] | None:
        return None if self.store.classes is None else list(self.store.classes)

    @property
    def fingerprint(self) -> str:
        return self.store.fingerprint

    @property
    def ranges(self) -> ValueRanges:
        """What meant black and white in the files that the store was written of."""
        written = self.store.value_range
        return UNKNOWN if written is None else ValueRanges.parse(written)

    def key(self, index: int) -> str:
        return self.store.keys[index]

    def size(self, index: int) -> tuple[int, int]:
        return int(self.store.heights[index]), int(self.store.widths[index])

    def read(self, index: int, options: DecodeOptions = AS_STORED) -> np.ndarray:
        """Return one picture as (H, W, C) uint8.

        Raises UnreadableImage when its channels cannot become the wanted ones.
        """
        pixels = self.store.image(index).permute(1, 2, 0).numpy()  # (C, H, W) -> (H, W, C)
        try:
            return fit_pixels(pixels, options)
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    def with_column(self, column: LabelColumn) -> StoreSource:
        """The same pictures with other labels."""
        # The pixels are shared; only what is said about them changes.
        store = replace(
            self.store,
            labels=None if column.numbers is None else torch.tensor(column.numbers),
            classes=None if column.classes is None else tuple(column.classes),
            fingerprint=column.fingerprint(self.fingerprint),
        )
        notes = (*self.notes, *column.notes)
        return replace(self, store=store, notes=notes, label_notes=column.notes)


def is_store(path: Path) -> bool:
    """Whether a folder is a packed store."""
    return (path / FACTS).exists()


def open_store(path: Path, *, split: str | None = None) -> StoreSource:
    """Open a packed store, or the pictures of one split of it.

    Raises MaskwrightError when it is damaged or has no such split.
    """
    store = open_packed(path)
    name = slug(path.resolve().name)
    splits, root = find_splits(store.keys)
    if split is None:
        return StoreSource(store=store, name=name, splits=splits)
    # Names of pictures in a store are paths, which still begin with the folder of their split.
    folder = f"{root}{pick_split(split, splits, str(path))}/"
    indexes = [index for index, key in enumerate(store.keys) if key.startswith(folder)]
    return StoreSource(
        store=store.subset(indexes),
        name=name,
        splits=splits,
        notes=(f"'{path}': using {folder}.",),
    )


def _is_whole_store(located: LocatedPath) -> bool:
    # A pattern asks for picture files, and a store holds none.
    return located.pattern is None and located.path.is_dir() and is_store(located.path)


STORE = SourceKind(
    name="store",
    noun="a folder",
    takes=LocatedPath,
    accepts=_is_whole_store,
    open=lambda located, options: open_store(located.path, split=options.split),
)
