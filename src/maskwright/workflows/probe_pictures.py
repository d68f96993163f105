"""Labeled pictures to measure on: a train and a test part whose classes mean the same, found by name or held out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.data.packed import PackedStore
from maskwright.data.sources import Source, open_source
from maskwright.evaluation.linear_probe import hold_out
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.workflows.loading import packed

TEST_NAMES = ("test", "val", "valid", "validation")
TEST_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class LabeledSettings:
    """Which pictures to measure on, in the words of the command line."""

    data: str
    labels: str | None = None
    train_split: str | None = None
    test_split: str | None = None
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Labeled:
    """Two labeled stores under one numbering of classes, where they came from, and what a reader of the results should know."""

    train: PackedStore
    test: PackedStore
    name: str
    how: str
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each label, those of train first."""
        return self.test.classes or ()


def find_labeled(asked: LabeledSettings, config: ModelConfig, reporter: Reporter) -> Labeled:
    """Open and decode both parts for models of this size. Splits are found by name, else a seeded, stratified quarter is the test part.

    Raises MaskwrightError when there are no labels, or fewer than two classes to learn.
    """
    whole = open_source(asked.data, split=asked.train_split, labels=asked.labels)
    known = whole.splits
    test_name = asked.test_split or next((name for name in TEST_NAMES if name in known), None)
    train_name = asked.train_split or ("train" if "train" in known else None)

    if asked.test_split is not None and train_name is None:
        raise MaskwrightError(f"'{asked.data}' has no split named train beside '{asked.test_split}'; say which to fit on by --train-split.")

    def opened(source: Source, part: str | None) -> PackedStore:
        _check_labels(source, asked.data, part)
        store = packed(source, config.image_size, config.channels, reporter)
        return store if asked.limit is None or asked.limit >= len(store) else store.subset(_some(len(store), asked.limit, asked.seed))

    if train_name is not None and test_name is not None:
        train = opened(_split(asked, train_name, whole), train_name)
        test = same_classes(train, opened(_split(asked, test_name, whole), test_name))
        how = f"splits {train_name} and {test_name} of {whole.name}"
    else:
        store = opened(whole, None)
        assert store.labels is not None
        is_held = hold_out(store.labels, TEST_SHARE, asked.seed)
        train, test = store.subset((~is_held).nonzero()[:, 0]), store.subset(is_held.nonzero()[:, 0])
        how = f"a stratified quarter of {whole.name} held out with seed {asked.seed}"
    return Labeled(train, test, whole.name, how, _check_classes(train, test, asked.data))


def same_classes(train: PackedStore, test: PackedStore) -> PackedStore:
    """Number the test classes by their names as train does; names that train lacks come behind, and no probe can answer them."""
    if train.classes is None or test.classes is None or train.classes == test.classes:
        return test
    names = [*train.classes, *(name for name in test.classes if name not in train.classes)]
    number = torch.tensor([names.index(name) for name in test.classes])
    assert test.labels is not None
    return dataclasses.replace(test, labels=number[test.labels], classes=tuple(names))


def _split(asked: LabeledSettings, name: str, whole: Source) -> Source:
    """Open a split, unless it is what was opened already."""
    return whole if name == asked.train_split else open_source(asked.data, split=name, labels=asked.labels)


def _check_labels(source: Source, data: str, part: str | None) -> None:
    if source.labels is not None:
        return
    if part is not None:
        raise MaskwrightError(
            f"The {part} split of '{data}' has no labels: it needs a sub-folder per class, at least two, or --labels FILE.csv (file,label)."
        )
    raise MaskwrightError(
        f"'{data}' has no class folders - fine for pretraining; to evaluate, pass --labels FILE.csv (file,label) or other --data."
    )


def _check_classes(train: PackedStore, test: PackedStore, data: str) -> tuple[str, ...]:
    """Refuse one class; say which classes are too small to tune on, and which of test train never shows."""
    assert train.labels is not None
    assert test.labels is not None
    present, counts = train.labels.unique(return_counts=True)
    if len(present) < 2:
        raise MaskwrightError(f"A probe needs at least two classes to fit on; '{data}' has {len(present)} in its train part.")
    notes = []
    if len(single := present[counts == 1]):
        notes.append(f"{_named(single, train)} one train image, so nothing of that can be held out to tune on.")
    asked = test.labels.unique()
    if len(unknown := asked[~torch.isin(asked, present)]):
        notes.append(f"{_named(unknown, test)} test images but no train images, so all answers there are wrong.")
    return tuple(notes)


def _named(labels: Tensor, store: PackedStore) -> str:
    names = [f"'{store.classes[label]}'" if store.classes else str(label) for label in labels.tolist()]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"Class {shown} has" if len(names) == 1 else f"Classes {shown} have"


def _some(count: int, limit: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=torch_generator(seed, "limit"))[:limit].sort().values
