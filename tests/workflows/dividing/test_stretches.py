"""Work in batches is divided so that each batch is done once, whatever was done before."""

from __future__ import annotations

import random
from itertools import chain

from maskwright.workflows.dividing.stretches import (
    Stretch,
    count_batches,
    divide,
    missing,
    without_overlap,
)


def batches(stretches: list[Stretch]) -> list[int]:
    return list(chain.from_iterable(range(one.first, one.end) for one in stretches))


def test_every_batch_is_done_once_and_shares_are_as_large() -> None:
    draw = random.Random(0)
    for _ in range(200):
        total, processes, most = draw.randint(0, 40), draw.randint(1, 6), draw.randint(1, 5)
        edges = sorted(draw.sample(range(total + 1), min(4, total + 1) // 2 * 2))
        done = [Stretch(*edges[at : at + 2]) for at in range(0, len(edges), 2)]
        shares = divide(missing(total, done), processes, most)
        sizes = [len(batches(share)) for share in shares]
        assert sorted(batches([*done, *chain.from_iterable(shares)])) == list(range(total))
        assert max(sizes) - min(sizes) <= 1
        assert max((len(one) for one in chain.from_iterable(shares)), default=0) <= most
        # In the order of the source: what a process reads lies together.
        assert batches(list(chain.from_iterable(shares))) == batches(missing(total, done))


def test_shares_are_known_in_a_small_case() -> None:
    assert missing(10, [Stretch(2, 4), Stretch(7, 8)]) == [
        Stretch(0, 2),
        Stretch(4, 7),
        Stretch(8, 10),
    ]
    assert divide([Stretch(0, 2), Stretch(4, 7), Stretch(8, 10)], 2, 2) == [
        [Stretch(0, 2), Stretch(4, 5)],
        [Stretch(5, 7), Stretch(8, 10)],
    ]


def test_parts_that_overlap_are_not_counted_twice() -> None:
    found = [Stretch(4, 8), Stretch(0, 5), Stretch(5, 8)]
    assert without_overlap(found) == [Stretch(0, 5), Stretch(5, 8)]


def test_the_last_batch_may_be_smaller() -> None:
    assert count_batches(130, 64) == 3
    assert count_batches(128, 64) == 2
    assert Stretch(1, 3).rows(64, 130) == range(64, 130)
