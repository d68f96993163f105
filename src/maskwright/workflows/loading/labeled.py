"""Labeled pictures to learn from and to test on.

Splits are found by name or held out, classes are matched by name, a few per class can be drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from maskwright.data.classes import only_labeled, same_classes
from maskwright.data.sources.open import Source, open_source
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import Holdout, divide, limited, set_test_apart
from maskwright.evaluation.few_shot import draw_shots
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled_checks import (
    check_classes,
    count_repeated,
    format_repeated,
    label_notes,
    labels_of,
    lacking,
    refuse_unlabeled,
)
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.loading.pictures import packed
from maskwright.workflows.loading.seen import Seen, read_seen
from maskwright.workflows.loading.split_names import split_names


@dataclass(frozen=True, kw_only=True)
class Labeled:
    """Two labeled stores under one numbering of classes.

    train: to learn from.
    test: to test on.
    name: of the data.
    how: what is learned from and what is tested on, for people and for reports.
    splits: the names of both, None when a part was held out.
    unknown: classes of the test split that train does not name.
    absent: classes of train that the test split does not name.
    notes: what a reader of the results should know.
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
        # Both parts: a changed test changes the numbers too.
        return hash_strings([self.train.fingerprint, self.test.fingerprint])

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each label, those of train first."""
        return self.test.classes or ()


@dataclass(frozen=True, kw_only=True)
class Split:
    """Labeled sources that were found once, to be decoded at any size.

    settings: which pictures are asked for.
    train: to learn from.
    test: to test on; None when a part of train is to be held out.
    name: of the data.
    splits: the names of both, None when a part is held out.
    """

    settings: LabeledSettings
    train: Source
    test: Source | None
    name: str
    splits: tuple[str, str] | None

    @property
    def how(self) -> str:
        """What is learned from and what is tested on, for people and for reports."""
        few = f", {self.settings.shots} per class" if self.settings.shots else ""
        # Three ways to come to a test part: splits, a run's own, a quarter.
        if self.splits is not None:
            return f"splits {self.splits[0]} and {self.splits[1]} of {self.name}{few}"
        if self._apart is not None:
            run = self.settings.test_of
            return f"the pictures of {self.name} that {run} set apart for a test{few}"
        return f"a stratified quarter of {self.name} held out with seed {self.settings.seed}{few}"

    @cached_property
    def _apart(self) -> Seen | None:
        """What the run that is tested has set apart of these pictures, if it has."""
        if self.settings.test_of is None:
            return None
        seen = read_seen(Path(self.settings.test_of))
        if seen is None or not len(seen.test) or not seen.is_of(self.settings.data):
            return None
        return seen

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> Labeled:
        """Decode both parts for models of this (height, width).

        Raises MaskwrightError for fewer than two classes to learn.
        """
        limit, seed = self.settings.limit, self.settings.seed
        train, notes = self._labeled(packed(self.train, size, channels, reporter), self.train)
        unknown: tuple[str, ...] = ()
        absent: tuple[str, ...] = ()
        if self.test is None:
            train, test = self._cut(train)
        else:
            other, more = self._labeled(packed(self.test, size, channels, reporter), self.test)
            notes = tuple(dict.fromkeys([*notes, *more]))
            # Before numbering: a class that one part lacks is a fact about the data.
            unknown, absent = lacking(train, other), lacking(other, train)
            test = limited(same_classes(train, other), limit, seed)
            train = limited(self._few(train), limit, seed)
        # After drawing: pictures that were left out flatter nobody.
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
                *check_classes(train, test, self.settings.data),
                *format_repeated(repeated, test),
            ),
            repeated=repeated,
        )

    def _labeled(self, store: PackedStore, source: Source) -> tuple[PackedStore, tuple[str, ...]]:
        """The pictures with a label, and what is odd about the labels."""
        # A file of labels may know only some of the pictures.
        known = only_labeled(store)
        if known is None:
            raise MaskwrightError(
                f"No picture of '{self.settings.data}' that can be read has a label."
            )
        notes = label_notes(source)
        left_out = len(store) - len(known)
        if left_out:
            note = f"{left_out:,} of {len(store):,} pictures have no label and are left out."
            notes = (*notes, note)
        return known, notes

    def _cut(self, store: PackedStore) -> tuple[PackedStore, PackedStore]:
        """Hold a part out for testing: what the run set apart, else a stratified quarter."""
        limit, seed = self.settings.limit, self.settings.seed
        parts = self._hold_out(store)
        if parts.held is None:
            raise MaskwrightError(
                f"Nothing of '{self.settings.data}' can be held out for a test:"
                f" {self._why_nothing()}. Use more pictures, or data with a test split."
            )
        train, test = self._few(parts.train), parts.held
        if limit is None:
            return train, test
        # The limit is of the whole: both parts keep their shares of it.
        most_test = max(1, round(limit * len(test) / len(store)))
        most_train = max(1, limit - most_test)
        return limited(train, most_train, seed), limited(test, most_test, seed)

    def _hold_out(self, store: PackedStore) -> Holdout:
        if self._apart is None:
            return set_test_apart(store, self.settings.seed)
        is_test = self._apart.test_part(store)  # (n,)
        if not is_test.any() or is_test.all():
            return Holdout(store, None)
        return divide(store, is_test)

    def _why_nothing(self) -> str:
        """Why nothing could be held out."""
        if self._apart is None:
            return "no class has two pictures that differ"
        return (
            f"none of those that {self.settings.test_of} set apart, or no others, are labeled here"
        )

    def _few(self, store: PackedStore) -> PackedStore:
        """A few pictures of each class: those of the first draw of a few-shot probe."""
        shots = self.settings.shots
        if shots is None:
            return store
        # Drawn by each class, so that none is missing.
        is_drawn = draw_shots(labels_of(store), shots, self.settings.seed, 0)  # (n,)
        return store.subset(is_drawn.nonzero()[:, 0])


def find_labeled(settings: LabeledSettings, config: ModelConfig, reporter: Reporter) -> Labeled:
    """Find labeled pictures and decode them for models of one size.

    Raises MaskwrightError as `find_split` and `Split.open` do.
    """
    return find_split(settings, reporter).open(config.image_size, config.channels, reporter)


def find_split(settings: LabeledSettings, reporter: Reporter | None = None) -> Split:
    """Find what to learn from and what to test on.

    Splits are found by name, else a seeded, stratified quarter is the test part. The reporter
    hears what was decided while opening.

    Raises MaskwrightError for pictures without labels, and for splits that are missing or the same.
    """
    data, train_split = settings.data, settings.train_split
    whole = _open_split(settings, train_split)
    if reporter is not None:
        for note in whole.notes:
            reporter.say(note)
    # The whole source says which splits there are.
    names = split_names(settings, whole.splits)
    if names is None:
        refuse_unlabeled(whole, data, train_split)
        return Split(settings=settings, train=whole, test=None, name=whole.name, splits=None)

    # What was opened is the train split already where it was named.
    train = whole if names[0] == train_split else _open_split(settings, names[0])
    test = _open_split(settings, names[1])
    refuse_unlabeled(train, data, names[0])
    refuse_unlabeled(test, data, names[1])
    return Split(settings=settings, train=train, test=test, name=whole.name, splits=names)


def _open_split(settings: LabeledSettings, split: str | None) -> Source:
    return open_source(settings.data, split=split, labels=settings.labels, reading=settings.reading)
