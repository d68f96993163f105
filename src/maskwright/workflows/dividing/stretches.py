"""Work in numbered batches: which of it is missing, and who does what of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Stretch:
    """Batches that follow each other: from `first` on, without `end`."""

    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first

    def rows(self, batch_size: int, total: int) -> range:
        """The numbers of its pictures.

        batch_size: pictures in a batch.
        total: pictures of all; the last batch may hold fewer than the others.
        """
        return range(self.first * batch_size, min(self.end * batch_size, total))


def count_batches(pictures: int, batch_size: int) -> int:
    """How many batches so many pictures make, the last of which may be smaller."""
    return -(-pictures // batch_size)


def without_overlap(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Stretches in their order, without those that begin inside an earlier one."""
    kept: list[Stretch] = []
    for stretch in sorted(stretches):
        if not kept or stretch.first >= kept[-1].end:
            kept.append(stretch)
    return kept


def missing(total: int, done: Sequence[Stretch]) -> list[Stretch]:
    """What `total` batches have beside those done, which do not overlap and are in order."""
    gaps: list[Stretch] = []
    at = 0
    # A stretch behind the last batch closes the last gap.
    for stretch in [*done, Stretch(total, total)]:
        if stretch.first > at:
            gaps.append(Stretch(at, stretch.first))
        at = stretch.end
    return gaps


def divide(stretches: Sequence[Stretch], processes: int, most: int) -> list[list[Stretch]]:
    """The share of each process: as many batches for all, but for one, and neighbors together.

    Archives are read fastest in their order, so a process gets batches that follow each other.

    most: batches of a single stretch, which is what a process loses when it is killed.
    """
    total = sum(len(stretch) for stretch in stretches)
    shares = []
    for rank in range(processes):
        # Counted over all stretches as if nothing lay between them.
        begin, end = total * rank // processes, total * (rank + 1) // processes
        shares.append(_cut(stretches, begin, end, most))
    return shares


def _cut(stretches: Sequence[Stretch], begin: int, end: int, most: int) -> list[Stretch]:
    """The batches number `begin` to `end` - 1 of those in the stretches."""
    parts: list[Stretch] = []
    before = 0  # batches in earlier stretches
    for stretch in stretches:
        first = stretch.first + max(0, begin - before)
        last = min(stretch.end, stretch.first + end - before)
        parts += [Stretch(at, min(at + most, last)) for at in range(first, last, most)]
        before += len(stretch)
    return parts
