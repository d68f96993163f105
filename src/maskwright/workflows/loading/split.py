"""Two parts of one data set, found once: one to learn from, one to test on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, TypeVar

from maskwright.data.sources.open import Source, open_source
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import Holdout, divide, limited, set_test_apart
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.loading.seen import Seen, read_seen
from maskwright.workflows.loading.split_names import split_names

AnySplit = TypeVar("AnySplit", bound="Split")


@dataclass(frozen=True, kw_only=True)
class Split:
    """Sources that were found once, to be decoded at any size.

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

    # What is held out where neither splits nor a run say what to test on.
    quarter: ClassVar[str] = "quarter"

    @property
    def how(self) -> str:
        """What is learned from and what is tested on, for people and for reports."""
        # Three ways to come to a test part: splits, a run's own, a quarter.
        if self.splits is not None:
            return f"splits {self.splits[0]} and {self.splits[1]} of {self.name}"
        if self.apart is not None:
            run = self.settings.test_of
            return f"the pictures of {self.name} that {run} set apart for a test"
        return f"a {self.quarter} of {self.name} held out with seed {self.settings.seed}"

    @cached_property
    def apart(self) -> Seen | None:
        """What the run that is tested has set apart of these pictures, if it has."""
        if self.settings.test_of is None:
            return None
        seen = read_seen(Path(self.settings.test_of))
        if seen is None or not len(seen.test) or not seen.is_of(self.settings.data):
            return None
        return seen

    def why_nothing(self) -> str:
        """Why nothing can be held out, behind a colon; nothing where there is no more to say."""
        return ""

    def draw_few(self, train: PackedStore) -> PackedStore:
        """What is learned from of the pictures that are not tested on; here all of them."""
        return train

    def cut(self, store: PackedStore) -> tuple[PackedStore, PackedStore]:
        """Hold a part out for testing: what the run set apart, else a quarter."""
        limit, seed = self.settings.limit, self.settings.seed
        parts = self._hold_out(store)
        if parts.held is None:
            raise MaskwrightError(
                f"Nothing of '{self.settings.data}' can be held out for a test"
                f"{self.why_nothing()}. Use more pictures, or data with a test split."
            )
        train, test = self.draw_few(parts.train), parts.held
        if limit is None:
            return train, test
        # The limit is of the whole: both parts keep their shares of it.
        most_test = max(1, round(limit * len(test) / len(store)))
        most_train = max(1, limit - most_test)
        return limited(train, most_train, seed), limited(test, most_test, seed)

    def _hold_out(self, store: PackedStore) -> Holdout:
        if self.apart is None:
            return set_test_apart(store, self.settings.seed)
        is_test = self.apart.test_part(store)  # (n,)
        if not is_test.any() or is_test.all():
            return Holdout(store, None)
        return divide(store, is_test)


def find_sources(
    kind: type[AnySplit], settings: LabeledSettings, reporter: Reporter | None
) -> AnySplit:
    """Open what to learn from and what to test on as a split of one kind.

    Splits are found by name, else a seeded part is held out later. The reporter hears what was
    decided while opening.

    Raises MaskwrightError for splits that are missing or the same.
    """
    whole = _open(settings, settings.train_split)
    if reporter is not None:
        for note in whole.notes:
            reporter.say(note)
    # The whole source says which splits there are.
    names = split_names(settings, whole.splits)
    if names is None:
        return kind(settings=settings, train=whole, test=None, name=whole.name, splits=None)
    # What was opened is the train split already where it was named.
    train = whole if names[0] == settings.train_split else _open(settings, names[0])
    test = _open(settings, names[1])
    return kind(settings=settings, train=train, test=test, name=whole.name, splits=names)


def _open(settings: LabeledSettings, split: str | None) -> Source:
    return open_source(settings.data, split=split, labels=settings.labels, reading=settings.reading)
