"""Labeled pictures to learn from and to test on: splits found by name or held out, classes matched by name, a few per class."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from maskwright.data.packed import PackedStore
from maskwright.data.reading import Reading
from maskwright.data.sources import Source, open_source
from maskwright.evaluation.few_shot import draw_shots, read_shots
from maskwright.evaluation.linear_probe import hold_out
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.workflows.loading import packed, reading_for

TEST_NAMES = ("test", "val", "valid", "validation")
TRAIN_NAMES = ("train", "training", "trainval")
TEST_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class LabeledSettings:
    """Which labeled pictures are asked for, in the words of the command line.

    shots: `10%` of each class, or `5` pictures of each, to learn from; limit: most pictures of each split, or of the whole before a part
    of it is held out; seed: draws what is held out, the few and the limit; value_range and pages: as in `Reading`.
    """

    data: str
    labels: str | None = None
    train_split: str | None = None
    test_split: str | None = None
    shots: str | None = None
    limit: int | None = None
    seed: int = 0
    value_range: str | None = None
    pages: Literal["first", "all"] = "first"

    def __post_init__(self) -> None:
        if self.shots is not None:
            read_shots(self.shots)

    @property
    def reading(self) -> Reading:
        """How the files are read."""
        return Reading(value_range=self.value_range, pages=self.pages)


def labeled_settings(
    own: Mapping[str, Any],
    data: str | None,
    flag: str,
    *,
    labels: str | None,
    train_split: str | None,
    test_split: str | None,
    limit: int | None,
    seed: int,
    value_range: str | None = None,
    pages: str | None = None,
) -> LabeledSettings:
    """What is asked for: `data`, or what a checkpoint's own settings name; flag: how the user names other data.

    Files are read under the range that the checkpoint was trained with, unless another is stated.
    """
    place = data or own.get("data")
    if place is None:
        raise MaskwrightError(f"This checkpoint does not say what it was trained on; give {flag}.")
    told = labels or (own.get("labels") if data is None else None)
    reading = reading_for(own, value_range, pages or (own.get("pages") if data is None else None))
    return LabeledSettings(
        data=str(place),
        labels=told,
        train_split=train_split,
        test_split=test_split,
        limit=limit,
        seed=seed,
        value_range=reading.value_range,
        pages=reading.pages,
    )


@dataclass(frozen=True, kw_only=True)
class Labeled:
    """Two labeled stores under one numbering of classes, where they came from, and what a reader of the results should know.

    splits: the names of both, None when a part was held out; unknown: classes of the test split that train does not name; absent: classes
    of train that the test split does not name.
    """

    train: PackedStore
    test: PackedStore
    name: str
    how: str
    splits: tuple[str, str] | None = None
    unknown: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The identity of both parts."""
        return hash_strings([self.train.fingerprint, self.test.fingerprint])

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each label, those of train first."""
        return self.test.classes or ()


@dataclass(frozen=True, kw_only=True)
class Split:
    """Labeled sources that were found once, to be decoded at any size; test: None when a part of train is to be held out."""

    asked: LabeledSettings
    train: Source
    test: Source | None
    name: str
    how: str
    splits: tuple[str, str] | None

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> Labeled:
        """Decode both parts for models of this (height, width); raises MaskwrightError for fewer than two classes to learn."""
        train = packed(self.train, size, channels, reporter)
        unknown: tuple[str, ...] = ()
        absent: tuple[str, ...] = ()
        if self.test is None:
            train, test = self._cut(train)
        else:
            other = packed(self.test, size, channels, reporter)
            unknown, absent = _lacking(train, other), _lacking(other, train)
            test = same_classes(train, other)
        train, test = self._limited(self._few(train)), self._limited(test)
        notes = _check_classes(train, test, self.asked.data)
        return Labeled(
            train=train,
            test=test,
            name=self.name,
            how=self.how,
            splits=self.splits,
            unknown=unknown,
            absent=absent,
            notes=notes,
        )

    def _cut(self, store: PackedStore) -> tuple[PackedStore, PackedStore]:
        """Hold a seeded, stratified quarter out for testing."""
        store = self._limited(store)
        is_held = hold_out(_labels(store), TEST_SHARE, self.asked.seed)
        return store.subset((~is_held).nonzero()[:, 0]), store.subset(is_held.nonzero()[:, 0])

    def _few(self, store: PackedStore) -> PackedStore:
        """A few pictures of each class: those of the first draw of a few-shot probe."""
        if self.asked.shots is None:
            return store
        return store.subset(
            draw_shots(_labels(store), self.asked.shots, self.asked.seed, 0).nonzero()[:, 0]
        )

    def _limited(self, store: PackedStore) -> PackedStore:
        return limited(store, self.asked.limit, self.asked.seed)


def find_labeled(asked: LabeledSettings, config: ModelConfig, reporter: Reporter) -> Labeled:
    """Find labeled pictures and decode them for models of one size; raises MaskwrightError as `find_split` and `Split.open` do."""
    return find_split(asked, reporter).open(config.image_size, config.channels, reporter)


def find_split(asked: LabeledSettings, reporter: Reporter | None = None) -> Split:
    """Find what to learn from and what to test on: splits by name, else a seeded, stratified quarter is the test part.

    Says what was decided while opening, where there is a reporter.

    Raises MaskwrightError for pictures without labels, and for splits that are missing or the same.
    """
    whole = open_source(
        asked.data, split=asked.train_split, labels=asked.labels, reading=asked.reading
    )
    if reporter is not None:
        for note in whole.notes:
            reporter.say(note)
    names = _split_names(asked, whole.splits)
    few = f", {asked.shots} per class" if asked.shots else ""
    if names is None:
        _refuse_unlabeled(whole, asked.data, asked.train_split)
        how = f"a stratified quarter of {whole.name} held out with seed {asked.seed}{few}"
        return Split(asked=asked, train=whole, test=None, name=whole.name, how=how, splits=None)
    train = (
        whole
        if names[0] == asked.train_split
        else open_source(asked.data, split=names[0], labels=asked.labels, reading=asked.reading)
    )
    test = open_source(asked.data, split=names[1], labels=asked.labels, reading=asked.reading)
    for source, name in zip((train, test), names, strict=True):
        _refuse_unlabeled(source, asked.data, name)
    how = f"splits {names[0]} and {names[1]} of {whole.name}{few}"
    return Split(asked=asked, train=train, test=test, name=whole.name, how=how, splits=names)


def same_classes(train: PackedStore, test: PackedStore) -> PackedStore:
    """Number the test classes by their names as train does; names that train lacks come behind, and nothing learned can answer them."""
    if train.classes is None or test.classes is None or train.classes == test.classes:
        return test
    names = [*train.classes, *(name for name in test.classes if name not in train.classes)]
    number = torch.tensor([names.index(name) for name in test.classes])
    return dataclasses.replace(test, labels=number[_labels(test)], classes=tuple(names))


def limited(store: PackedStore, limit: int | None, seed: int) -> PackedStore:
    """At most `limit` pictures, chosen by chance."""
    if limit is None or limit >= len(store):
        return store
    return store.subset(
        torch.randperm(len(store), generator=torch_generator(seed, "limit"))[:limit].sort().values
    )


def _split_names(asked: LabeledSettings, known: tuple[str, ...]) -> tuple[str, str] | None:
    """The splits to learn from and to test on, or None to cut the whole; never one split for both."""
    if asked.test_split is not None and asked.test_split == asked.train_split:
        raise MaskwrightError(
            f"--train-split and --test-split both name '{asked.test_split}', and a test on what was learned from says nothing; name two."
        )
    test = asked.test_split or next(
        (name for name in TEST_NAMES if name in known and name != asked.train_split), None
    )
    train = asked.train_split or next(
        (name for name in TRAIN_NAMES if name in known and name != test), None
    )
    if train is None and asked.test_split is not None:
        raise MaskwrightError(
            f"'{asked.data}' has no split named train beside '{asked.test_split}' (it has {', '.join(known) or 'none'}); "
            "say which to fit on by --train-split."
        )
    return None if train is None or test is None else (train, test)


def _refuse_unlabeled(source: Source, data: str, split: str | None) -> None:
    if source.labels is not None:
        return
    if split is not None:
        raise MaskwrightError(
            f"The split '{split}' of '{data}' has no labels: it needs a sub-folder per class, at least two, or --labels FILE.csv "
            "(file,label); --train-split and --test-split name other splits."
        )
    raise MaskwrightError(
        f"'{data}' has no class folders and no labels - fine for pretraining, but not here: pass --labels FILE.csv (file,label), or name "
        "other pictures."
    )


def _check_classes(train: PackedStore, test: PackedStore, data: str) -> tuple[str, ...]:
    """Refuse one class; say which classes are too small to tune on, and which of test train never shows."""
    present, counts = _labels(train).unique(return_counts=True)
    if len(present) < 2:
        raise MaskwrightError(
            f"'{data}' has {len(present)} class to learn from, and at least two are needed; use other or more pictures."
        )
    notes = []
    if len(single := present[counts == 1]):
        notes.append(
            f"{_named(single, train)} one train image, so nothing of that can be held out to tune on."
        )
    asked = _labels(test).unique()
    if len(strange := asked[~torch.isin(asked, present)]):
        notes.append(
            f"{_named(strange, test)} test images but no train images, so all answers there are wrong."
        )
    return tuple(notes)


def _named(labels: Tensor, store: PackedStore) -> str:
    names = [
        f"'{store.classes[label]}'" if store.classes else str(label) for label in labels.tolist()
    ]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"Class {shown} has" if len(names) == 1 else f"Classes {shown} have"


def _lacking(store: PackedStore, other: PackedStore) -> tuple[str, ...]:
    """The classes of the other store that this one does not name; numbers count as names where there are none."""
    own = set(_names(store))
    return tuple(name for name in _names(other) if name not in own)


def _names(store: PackedStore) -> tuple[str, ...]:
    return store.classes or tuple(map(str, range(int(_labels(store).max()) + 1)))


def _labels(store: PackedStore) -> Tensor:
    assert store.labels is not None
    return store.labels
