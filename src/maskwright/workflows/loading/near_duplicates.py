"""Test pictures that are nearly the same as one that is learned from: saved anew, or resized."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.data.store.thumbnails import nearest_thumbnails, thumbnails
from maskwright.support.reporting import Reporter

# Gray levels of a thumbnail: saving anew moves them by less than this, and other pictures lie ten
# times as far (docs/log.md).
MOST_DIFFERENCE = 2.5
# A picture with little contrast lies near many others that it has nothing to do with.
LEAST_CONTRAST = 10 * MOST_DIFFERENCE
# With more comparisons than this, so many test pictures are looked at as fit: a few seconds.
MOST_COMPARISONS = 100_000_000
_LISTED = 20


@dataclass(frozen=True)
class NearDuplicates:
    """What was found.

    count: test pictures that have a near-duplicate in train, exact ones left out.
    looked_at: test pictures that were compared.
    pairs: names of some, test first.
    """

    count: int
    looked_at: int
    pairs: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def find_near_duplicates(train: PackedStore, test: PackedStore) -> NearDuplicates | None:
    """Compare tiny gray versions of test pictures with all of train; None for a stream."""
    # A stream keeps no pixels: comparing would decode everything once more.
    if train.live is not None or test.live is not None:
        return None
    rows = torch.tensor(spread(len(test), max(1, MOST_COMPARISONS // len(train))))
    some = test if len(rows) == len(test) else test.subset(rows)
    small = thumbnails(some)
    nearest = nearest_thumbnails(small, thumbnails(train))
    near = (nearest.distance <= MOST_DIFFERENCE) & (small.std(1) >= LEAST_CONTRAST)
    near &= ~_exact(train, some)
    found = near.nonzero()[:, 0].tolist()
    pairs = [(some.keys[at], train.keys[int(nearest.places[at])]) for at in found[:_LISTED]]
    return NearDuplicates(len(found), len(some), tuple(pairs))


def report_near_duplicates(
    train: PackedStore, test: PackedStore, reporter: Reporter
) -> dict[str, Any] | None:
    """Warn of near-duplicates across train and test; returns them, ready for JSON."""
    found = find_near_duplicates(train, test)
    if found is None:
        return None
    if found.count:
        tested, learned = found.pairs[0]
        reporter.warn(
            f"{found.count:,} of {found.looked_at:,} test pictures look nearly the same as one that"
            f" is learned from ({tested} as {learned}), so the results may flatter; see"
            " near_duplicates in the report, and maskwright neighbors."
        )
    return found.to_dict()


def _exact(train: PackedStore, test: PackedStore) -> Tensor:
    """Test pictures (n,) with the very pixels of a train picture, which are counted elsewhere."""
    if train.content is None or test.content is None:
        return torch.zeros(len(test), dtype=torch.bool)
    return torch.isin(test.content, train.content)
