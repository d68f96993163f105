"""The pictures of a diagnosis: labeled sources found once, then decoded and cut to the size of each encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.data.packed import PackedStore
from maskwright.data.sources import Source, open_source
from maskwright.evaluation.linear_probe import hold_out
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.workflows.loading import eval_batches, packed

TEST_NAMES = ("test", "val", "valid", "validation")
TEST_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class StorePictures:
    """Pictures of a packed store, shrunk and center-cropped to one size, gone through in order as often as wanted."""

    store: PackedStore
    size: tuple[int, int]
    batch_size: int = 128

    @property
    def labels(self) -> Tensor:
        """(n,) int64; -1 for pictures that have none."""
        return torch.full((len(self.store),), -1) if self.store.labels is None else self.store.labels

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


@dataclass(frozen=True)
class Split:
    """A labeled source to fit on and one to test on, the same one when a part is held out; how: which, in words."""

    train: Source
    test: Source
    how: str
    limit: int | None
    seed: int

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> tuple[StorePictures, StorePictures]:
        """Train and test pictures at one size."""
        train = limited(packed(self.train, size, channels, reporter), self.limit, self.seed)
        if self.test is not self.train:
            test = limited(packed(self.test, size, channels, reporter), self.limit, self.seed)
        else:
            assert train.labels is not None
            is_held = hold_out(train.labels, TEST_SHARE, self.seed)
            train, test = train.subset((~is_held).nonzero()[:, 0]), train.subset(is_held.nonzero()[:, 0])
        return StorePictures(train, size), StorePictures(_same_numbers(test, train), size)


def find_split(
    data: Any, *, labels: str | None = None, train: str | None = None, test: str | None = None, limit: int | None = None, seed: int = 0
) -> Split:
    """Find what to fit on and what to test on: splits by name, else a seeded, stratified quarter is the test set.

    Raises MaskwrightError when the data has no labels.
    """
    whole = open_source(data, labels=labels)
    test_name = test or next((name for name in TEST_NAMES if name in whole.splits), None)
    train_name = train or ("train" if "train" in whole.splits else None)
    if train_name is not None and test_name is not None:
        parts = [_labeled(open_source(data, split=name, labels=labels), data) for name in (train_name, test_name)]
        return Split(parts[0], parts[1], f"splits {train_name} and {test_name} of {whole.name}", limit, seed)
    source = _labeled(whole if train_name is None else open_source(data, split=train_name, labels=labels), data)
    return Split(source, source, f"a stratified quarter of {whole.name} held out with seed {seed}", limit, seed)


@dataclass(frozen=True)
class Stimuli:
    """Pictures that are only looked at, whose names say what they show."""

    source: Source
    limit: int | None
    seed: int

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> StorePictures:
        """The pictures at one size."""
        return StorePictures(limited(packed(self.source, size, channels, reporter), self.limit, self.seed), size)


def find_stimuli(data: str, limit: int | None, seed: int) -> Stimuli:
    """Open cue-conflict pictures: those below `style-transfer/` alone where there is such a folder, as in Geirhos's repository."""
    source = open_source(data)
    keys = [source.key(index) for index in range(len(source))]
    inside = next((key.split("style-transfer/")[0] for key in keys if "style-transfer/" in key), None)
    if inside is not None and not all("style-transfer/" in key for key in keys):
        source = open_source(f"{data.rstrip('/')}/{inside}style-transfer")
    return Stimuli(source, limit, seed)


def limited(store: PackedStore, limit: int | None, seed: int) -> PackedStore:
    """At most `limit` pictures, chosen by chance."""
    if limit is None or limit >= len(store):
        return store
    return store.subset(torch.randperm(len(store), generator=torch_generator(seed, "limit"))[:limit].sort().values)


def _labeled(source: Source, data: Any) -> Source:
    if source.labels is None:
        raise MaskwrightError(
            f"'{data}' has no class folders, and a diagnosis needs labels; pass --labels FILE.csv (file,label) or other --on."
        )
    return source


def _same_numbers(test: PackedStore, train: PackedStore) -> PackedStore:
    """Number the labels of test as train does, by the names of the classes; a class that train lacks gets numbers behind train's."""
    if test.classes is None or train.classes is None or test.classes == train.classes or test.labels is None:
        return test
    names = [*train.classes, *(name for name in test.classes if name not in train.classes)]
    numbers = torch.tensor([names.index(name) for name in test.classes])
    return replace(test, labels=numbers[test.labels], classes=tuple(names))
