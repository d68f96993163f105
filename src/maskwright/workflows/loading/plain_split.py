"""Pictures to fit on and to test on for probes that need no labels of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskwright.data.sources.open import Source, open_source
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import Holdout, divide, limited, set_test_apart
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled import Labeled
from maskwright.workflows.loading.labeled_checks import count_repeated, format_repeated
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.loading.pictures import packed
from maskwright.workflows.loading.seen import Seen, read_seen
from maskwright.workflows.loading.split_names import split_names


@dataclass(frozen=True, kw_only=True)
class PlainSplit:
    """Sources that were found once, to be decoded at any size; labels are not asked for.

    settings: which pictures are asked for.
    train: to fit on.
    test: to test on; None when a part of train is to be held out.
    name: of the data.
    splits: the names of both, None when a part is held out.
    apart: what the run that is tested has set apart of these pictures, if it has.
    """

    settings: LabeledSettings
    train: Source
    test: Source | None
    name: str
    splits: tuple[str, str] | None
    apart: Seen | None

    @property
    def how(self) -> str:
        """What is fitted on and what is tested on, for people and for reports."""
        if self.splits is not None:
            return f"splits {self.splits[0]} and {self.splits[1]} of {self.name}"
        if self.apart is not None:
            run = self.settings.test_of
            return f"the pictures of {self.name} that {run} set apart for a test"
        return f"a quarter of {self.name} held out with seed {self.settings.seed}"

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> Labeled:
        """Decode both parts for models of this (height, width)."""
        limit, seed = self.settings.limit, self.settings.seed
        whole = packed(self.train, size, channels, reporter)
        if self.test is not None:
            test = limited(packed(self.test, size, channels, reporter), limit, seed)
            train = limited(whole, limit, seed)
        else:
            train, test = self._cut(whole)
        repeated = count_repeated(train, test)
        return Labeled(
            train=train,
            test=test,
            name=self.name,
            how=self.how,
            splits=self.splits,
            notes=format_repeated(repeated, test),
            repeated=repeated,
        )

    def _cut(self, store: PackedStore) -> tuple[PackedStore, PackedStore]:
        """Hold a part out for testing: what the run set apart, else a quarter."""
        limit, seed = self.settings.limit, self.settings.seed
        parts = self._hold_out(store)
        if parts.held is None:
            raise MaskwrightError(
                f"Nothing of '{self.settings.data}' can be held out for a test. Use more pictures,"
                " or data with a test split."
            )
        if limit is None:
            return parts.train, parts.held
        # The limit is of the whole: both parts keep their shares of it.
        most_test = max(1, round(limit * len(parts.held) / len(store)))
        most_train = max(1, limit - most_test)
        return limited(parts.train, most_train, seed), limited(parts.held, most_test, seed)

    def _hold_out(self, store: PackedStore) -> Holdout:
        if self.apart is None:
            return set_test_apart(store, self.settings.seed)
        is_test = self.apart.test_part(store)  # (n,)
        if not is_test.any() or is_test.all():
            return Holdout(store, None)
        return divide(store, is_test)


def find_plain_split(settings: LabeledSettings, reporter: Reporter) -> PlainSplit:
    """Find what to fit on and what to test on.

    Splits are found by name, else a seeded quarter is the test part, as for labeled pictures.
    """
    whole = _open(settings, settings.train_split)
    for note in whole.notes:
        reporter.say(note)
    names = split_names(settings, whole.splits)
    apart = None if settings.test_of is None else read_seen(Path(settings.test_of))
    if apart is not None and not (len(apart.test) and apart.is_of(settings.data)):
        apart = None
    if names is None:
        return PlainSplit(
            settings=settings, train=whole, test=None, name=whole.name, splits=None, apart=apart
        )
    # What was opened is the train split already where it was named.
    train = whole if names[0] == settings.train_split else _open(settings, names[0])
    test = _open(settings, names[1])
    return PlainSplit(
        settings=settings, train=train, test=test, name=whole.name, splits=names, apart=apart
    )


def _open(settings: LabeledSettings, split: str | None) -> Source:
    return open_source(settings.data, split=split, labels=settings.labels, reading=settings.reading)
