"""Labeled pictures to learn from and to test on: splits found by name or held out, classes matched
by name, a few per class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from maskwright.data.classes import only_labeled, same_classes
from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.reading import Reading
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import Holdout, divide, limited, set_test_apart
from maskwright.evaluation.few_shot import draw_shots, read_shots
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled_checks import (
    check_classes,
    count_repeated,
    format_repeated,
    label_notes,
    lacking,
    refuse_unlabeled,
)
from maskwright.workflows.loading.pictures import packed, reading_for
from maskwright.workflows.loading.seen import Seen, read_seen

TEST_NAMES = ("test", "val", "valid", "validation")
TRAIN_NAMES = ("train", "training", "trainval")


@dataclass(frozen=True, kw_only=True)
class LabeledSettings:
    """Which labeled pictures are asked for, in the words of the command line.

    shots: `10%` of each class, or `5` pictures of each, to learn from.
    limit: most pictures of each split, or of the whole before a part of it is held out.
    seed: draws what is held out, the few and the limit; value_range and pages: as in `Reading`.
    test_of: a run whose set-apart pictures are the test part.
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
    test_of: str | None = None

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
    test_of: str | None = None,
) -> LabeledSettings:
    """What is asked for: `data`, or what a checkpoint's own settings name; flag: how the user names
    other data.

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
        test_of=test_of,
    )


@dataclass(frozen=True, kw_only=True)
class Labeled:
    """Two labeled stores under one numbering of classes, where they came from, and what a reader of
    the results should know.

    splits: the names of both, None when a part was held out.
    unknown: classes of the test split that train does not name.
    absent: classes of train that the test split does not name.
    repeated: test pictures whose pixels are also in train, None where that cannot be seen.
    """

    train: PackedStore
    test: PackedStore
    name: str
    how: str
    splits: tuple[str, str] | None = None
    unknown: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    repeated: int | None = None

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
    """Labeled sources that were found once, to be decoded at any size; test: None when a part of
    train is to be held out.
    """

    asked: LabeledSettings
    train: Source
    test: Source | None
    name: str
    splits: tuple[str, str] | None

    @property
    def how(self) -> str:
        """What is learned from and what is tested on, for people and for reports."""
        few = f", {self.asked.shots} per class" if self.asked.shots else ""
        if self.splits is not None:
            return f"splits {self.splits[0]} and {self.splits[1]} of {self.name}{few}"
        if self._apart is not None:
            return (
                f"the pictures of {self.name} that {self.asked.test_of} set apart for a test{few}"
            )
        return f"a stratified quarter of {self.name} held out with seed {self.asked.seed}{few}"

    @cached_property
    def _apart(self) -> Seen | None:
        """What the run that is tested has set apart of these pictures, if it has."""
        seen = None if self.asked.test_of is None else read_seen(Path(self.asked.test_of))
        return seen if seen is not None and len(seen.test) and seen.is_of(self.asked.data) else None

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> Labeled:
        """Decode both parts for models of this (height, width); raises MaskwrightError for fewer
        than two classes to learn.
        """
        train, notes = self._labeled(packed(self.train, size, channels, reporter), self.train)
        unknown: tuple[str, ...] = ()
        absent: tuple[str, ...] = ()
        if self.test is None:
            train, test = self._cut(train)
        else:
            other, more = self._labeled(packed(self.test, size, channels, reporter), self.test)
            notes = tuple(dict.fromkeys([*notes, *more]))
            unknown, absent = lacking(train, other), lacking(other, train)
            test = same_classes(train, other)
            test = limited(test, self.asked.limit, self.asked.seed)
            train = limited(self._few(train), self.asked.limit, self.asked.seed)
        repeated = count_repeated(train, test)
        return Labeled(
            train=train,
            test=test,
            name=self.name,
            how=self.how,
            splits=self.splits,
            unknown=unknown,
            absent=absent,
            notes=(
                *notes,
                *check_classes(train, test, self.asked.data),
                *format_repeated(repeated, test),
            ),
            repeated=repeated,
        )

    def _labeled(self, store: PackedStore, source: Source) -> tuple[PackedStore, tuple[str, ...]]:
        """The pictures with a label, and what is odd about the labels."""
        known = only_labeled(store)
        if known is None:
            raise MaskwrightError(
                f"No picture of '{self.asked.data}' that can be read has a label."
            )
        left_out = len(store) - len(known)
        told = (f"{left_out:,} of {len(store):,} pictures have no label and are left out.",)
        return known, (*label_notes(source), *(told if left_out else ()))

    def _cut(self, store: PackedStore) -> tuple[PackedStore, PackedStore]:
        """Hold a part out for testing: what the run set apart for it, else a seeded, stratified
        quarter.
        """
        if self._apart is None:
            parts = set_test_apart(store, self.asked.seed)
        else:
            is_test = self._apart.test_part(store)
            there = bool(is_test.any()) and not bool(is_test.all())
            parts = divide(store, is_test) if there else Holdout(store, None)
        if parts.held is None:
            why = (
                "no class has two pictures that differ"
                if self._apart is None
                else (
                    f"none of those that {self.asked.test_of} set apart, or no others, are labeled"
                    " here"
                )
            )
            raise MaskwrightError(
                f"Nothing of '{self.asked.data}' can be held out for a test: {why}. Use more"
                " pictures, or data with a test split."
            )
        train, test = self._few(parts.train), parts.held
        if self.asked.limit is None:
            return train, test
        most = max(1, round(self.asked.limit * len(test) / len(store)))
        return (
            limited(train, max(1, self.asked.limit - most), self.asked.seed),
            limited(test, most, self.asked.seed),
        )

    def _few(self, store: PackedStore) -> PackedStore:
        """A few pictures of each class: those of the first draw of a few-shot probe."""
        if self.asked.shots is None:
            return store
        return store.subset(
            draw_shots(_labels(store), self.asked.shots, self.asked.seed, 0).nonzero()[:, 0]
        )


def find_labeled(asked: LabeledSettings, config: ModelConfig, reporter: Reporter) -> Labeled:
    """Find labeled pictures and decode them for models of one size; raises MaskwrightError as
    `find_split` and `Split.open` do.
    """
    return find_split(asked, reporter).open(config.image_size, config.channels, reporter)


def find_split(asked: LabeledSettings, reporter: Reporter | None = None) -> Split:
    """Find what to learn from and what to test on: splits by name, else a seeded, stratified
    quarter is the test part.

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
    if names is None:
        refuse_unlabeled(whole, asked.data, asked.train_split)
        return Split(asked=asked, train=whole, test=None, name=whole.name, splits=None)
    train = (
        whole
        if names[0] == asked.train_split
        else open_source(asked.data, split=names[0], labels=asked.labels, reading=asked.reading)
    )
    test = open_source(asked.data, split=names[1], labels=asked.labels, reading=asked.reading)
    for source, name in zip((train, test), names, strict=True):
        refuse_unlabeled(source, asked.data, name)
    return Split(asked=asked, train=train, test=test, name=whole.name, splits=names)


def _split_names(asked: LabeledSettings, known: tuple[str, ...]) -> tuple[str, str] | None:
    """The splits to learn from and to test on, or None to cut the whole; never one
    split for both.
    """
    if asked.test_split is not None and asked.test_split == asked.train_split:
        raise MaskwrightError(
            f"--train-split and --test-split both name '{asked.test_split}', and a test on what was"
            " learned from says nothing; name two."
        )
    test = asked.test_split or next(
        (name for name in TEST_NAMES if name in known and name != asked.train_split), None
    )
    train = asked.train_split or next(
        (name for name in TRAIN_NAMES if name in known and name != test), None
    )
    if train is None and asked.test_split is not None:
        raise MaskwrightError(
            f"'{asked.data}' has no split named train beside '{asked.test_split}' (it has"
            f" {', '.join(known) or 'none'}); say which to fit on by --train-split."
        )
    return None if train is None or test is None else (train, test)


def _labels(store: PackedStore) -> Tensor:
    assert store.labels is not None
    return store.labels
