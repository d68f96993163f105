"""Pictures to fit on and to test on for probes that need no labels of pictures."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.data.store.splits import limited
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.labeled import Labeled, LabeledSplit, find_split
from maskwright.workflows.loading.labeled_checks import count_repeated, format_repeated
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.loading.pictures import packed
from maskwright.workflows.loading.split import Split, find_sources


@dataclass(frozen=True, kw_only=True)
class PlainSplit(Split):
    """Sources whose labels are not asked for."""

    def open(self, size: tuple[int, int], channels: int, reporter: Reporter) -> Labeled:
        """Decode both parts for models of this (height, width)."""
        limit, seed = self.settings.limit, self.settings.seed
        whole = packed(self.train, size, channels, reporter)
        if self.test is not None:
            test = limited(packed(self.test, size, channels, reporter), limit, seed)
            train = limited(whole, limit, seed)
        else:
            train, test = self.cut(whole)
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


def find_plain_split(settings: LabeledSettings, reporter: Reporter) -> PlainSplit:
    """Find what to fit on and what to test on.

    Splits are found by name, else a seeded quarter is the test part, as for labeled pictures.
    """
    return find_sources(PlainSplit, settings, reporter)


def find_probe_split(
    settings: LabeledSettings, reporter: Reporter, *, needs_labels: bool
) -> LabeledSplit | PlainSplit:
    """Find what probes fit on and test on; needs_labels: whether any asks for classes."""
    find = find_split if needs_labels else find_plain_split
    return find(settings, reporter)
