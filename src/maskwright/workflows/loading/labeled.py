"""Labeled pictures to learn from and to test on.

Splits are found by name or held out, classes are matched by name, a few per class can be drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from maskwright.data.classes import only_labeled, same_classes
from maskwright.data.sources.open import Source
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import limited
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
    missing_classes,
    refuse_unlabeled,
)
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.loading.pictures import packed
from maskwright.workflows.loading.split import Split, find_sources


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
class LabeledSplit(Split):
    """Sources with labels, whose classes are matched by name."""

    # Of each class its part.
    quarter: ClassVar[str] = "stratified quarter"

    @property
    def how(self) -> str:
        few = f", {self.settings.shots} per class" if self.settings.shots else ""
        return super().how + few

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> Labeled:
        """Decode both parts for models of this (height, width).

        Raises MaskwrightError for fewer than two classes to learn.
        """
        limit, seed = self.settings.limit, self.settings.seed
        train, notes = self._labeled(packed(self.train, size, channels, reporter), self.train)
        unknown: tuple[str, ...] = ()
        absent: tuple[str, ...] = ()
        if self.test is None:
            train, test = self.cut(train)
        else:
            other, more = self._labeled(packed(self.test, size, channels, reporter), self.test)
            notes = tuple(dict.fromkeys([*notes, *more]))
            # Before numbering: a class that one part lacks is a fact about the data.
            unknown, absent = missing_classes(train, other), missing_classes(other, train)
            test = limited(same_classes(train, other), limit, seed)
            train = limited(self.draw_few(train), limit, seed)
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

    def why_nothing(self) -> str:
        if self.apart is None:
            return ": no class has two pictures that differ"
        run = self.settings.test_of
        return f": none of those that {run} set apart, or no others, are labeled here"

    def draw_few(self, train: PackedStore) -> PackedStore:
        """A few pictures of each class: those of the first draw of a few-shot probe."""
        shots = self.settings.shots
        if shots is None:
            return train
        # Drawn by each class, so that none is missing.
        is_drawn = draw_shots(labels_of(train), shots, self.settings.seed, 0)  # (n,)
        return train.subset(is_drawn.nonzero()[:, 0])


def find_labeled(settings: LabeledSettings, config: ModelConfig, reporter: Reporter) -> Labeled:
    """Find labeled pictures and decode them for models of one size.

    Raises MaskwrightError as `find_split` and `LabeledSplit.open` do.
    """
    return find_split(settings, reporter).open(config.image_size, config.channels, reporter)


def find_split(settings: LabeledSettings, reporter: Reporter | None = None) -> LabeledSplit:
    """Find what to learn from and what to test on.

    Splits are found by name, else a seeded, stratified quarter is the test part. The reporter
    hears what was decided while opening.

    Raises MaskwrightError for pictures without labels, and for splits that are missing or the same.
    """
    split = find_sources(LabeledSplit, settings, reporter)
    train_name, test_name = split.splits or (settings.train_split, None)
    refuse_unlabeled(split.train, settings.data, train_name)
    if split.test is not None:
        refuse_unlabeled(split.test, settings.data, test_name)
    return split
