"""Which pictures are trained on, held out and tested on is decided here, for every command.

Windows and exact duplicates of a picture stay together. A picture's part depends on the names of
the pictures, their labels and the seed, never on their order or on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.data.store.same_picture import group_pictures, hash_names
from maskwright.support.seeding import sample_rng, torch_generator

TEST_SHARE = 0.25
# The test part is the same whatever the seed of a training, or results could not be compared.
TEST_SEED = 0
# Enough to measure a loss well; more would be missed in training.
MOST_HELD_OUT = 1000
HELD_OUT_SHARE = 0.05
# 5 % of fewer than these are too few to say anything.
FEWEST_TO_HOLD_OUT_FROM = 160


@dataclass(frozen=True)
class Holdout:
    """A store cut in two.

    train: what is learned from.
    held: what is held out, None where nothing could be.
    """

    train: PackedStore
    held: PackedStore | None


def default_count(count: int) -> int:
    """How many of `count` pictures are held out by default: 5 %, at most 1,000, none of few."""
    if count < FEWEST_TO_HOLD_OUT_FROM:
        return 0
    return min(round(HELD_OUT_SHARE * count), MOST_HELD_OUT)


def hold_out(store: PackedStore, count: int, seed: int, *, spare_classes: bool = False) -> Holdout:
    """Hold `count` pictures out from training, spread over the classes; see `choose_held`."""
    return _cut(store, count, seed, "holdout", spare_classes)


def set_test_apart(
    store: PackedStore, seed: int, share: float = TEST_SHARE, *, spare_classes: bool = True
) -> Holdout:
    """Set a test part apart, a share of the whole.

    Trainings and evaluations of the same pictures find the same one.
    """
    return _cut(store, round(share * len(store)), seed, "test", spare_classes)


def _cut(store: PackedStore, count: int, seed: int, purpose: str, spare_classes: bool) -> Holdout:
    names = hash_names(store.keys)
    # Chance belongs to names, not to places: the order of the files decides nothing.
    chance = sample_rng(seed, 0, names, purpose).bits(1)[:, 0]
    held = choose_held(
        count,
        chance,
        groups=group_pictures(names, store.content),
        labels=store.labels,
        spare_classes=spare_classes,
    )
    return divide(store, held) if held.any() else Holdout(store, None)


def divide(store: PackedStore, is_held: Tensor) -> Holdout:
    """Cut a store by (n,) booleans, True = held; neither side may be empty."""
    return Holdout(store.subset((~is_held).nonzero()[:, 0]), store.subset(is_held.nonzero()[:, 0]))


def choose_held(
    count: int,
    chance: Tensor,
    *,
    groups: Tensor | None = None,
    labels: Tensor | None = None,
    spare_classes: bool = False,
) -> Tensor:
    """Choose pictures to hold out: (n,) booleans, True = held out.

    Never more than `count` are held out, and fewer only where groups do not fit: short by less than
    the largest group, and then every picture that stands alone is held out. If every group is
    larger than `count`, the smallest is held out. Nothing is for a count below 1 or of n and more,
    or when all pictures are one group. O(n log n) for any number of classes and groups.

    count: how many.
    chance: (n,) random int64, equal for the windows of a picture.
    groups: (n,) numbers of those that stay together.
    labels: (n,), -1 for none. Classes get their shares by largest remainder, ties by chance, and
        keep a group in training while others can give.
    spare_classes: every class keeps a group in training, though fewer may be held out then.
    """
    held = np.zeros(len(chance), bool)
    if not 0 < count < len(chance):
        return torch.from_numpy(held)
    units = _units(chance, groups, labels)
    held_units = _choose_units(count, units, spare_classes)
    # From groups (g,) back to pictures (n,).
    held = held_units if groups is None else held_units[groups.numpy()]
    return torch.from_numpy(held)


@dataclass(frozen=True)
class _Units:
    """Groups as they are given away.

    size: (g,) pictures in each.
    chance: (g,) random int64, the lowest comes first.
    kind: (g,) the number of its class, from 0.
    """

    size: np.ndarray
    chance: np.ndarray
    kind: np.ndarray


def _units(chance: Tensor, groups: Tensor | None, labels: Tensor | None) -> _Units:
    """A group has the chance and the class of its member with the lowest chance."""
    luck = chance.numpy()
    known = np.zeros(len(luck), np.int64) if labels is None else labels.numpy()
    if groups is None:
        return _Units(np.ones(len(luck), np.int64), luck, _renumber(known))
    size = np.bincount(groups.numpy())
    # Sorted by group, then chance, then label: the first row of each group speaks for it.
    first = np.lexsort((known, luck, groups.numpy()))[size.cumsum() - size]
    return _Units(size, luck[first], _renumber(known[first]))


def _renumber(labels: np.ndarray) -> np.ndarray:
    """Class numbers from 0."""
    # Numbers that lie close together are only shifted, which is much faster than sorting them.
    shifted = labels - labels.min()
    if shifted.max() < 2 * len(labels):
        return shifted
    return np.unique(labels, return_inverse=True)[1]


def _choose_units(count: int, units: _Units, spare_classes: bool) -> np.ndarray:
    """Which groups (g,) are held out."""
    # Class by class, by chance within each.
    order = np.lexsort((units.chance, units.kind))
    size, kind = units.size[order], units.kind[order]
    total = np.bincount(kind, weights=size).astype(np.int64)
    # The last group of each class is what it keeps if it can.
    is_last = np.append(kind[1:] != kind[:-1], True)
    # Ties between classes are decided by the chance of that last group.
    luck = np.full(len(total), np.iinfo(np.int64).max)
    np.minimum.at(luck, kind[is_last], units.chance[order][is_last])
    quota = _quotas(count, total, np.bincount(kind, minlength=len(total)) > 1, luck)
    # Pictures of the same class up to and with each group: held while its quota lasts.
    within = size.cumsum() - (total.cumsum() - total)[kind]
    held = (within <= quota[kind]) & ~is_last
    missing = count - int(size[held].sum())
    if missing:
        # What no quota could give, because groups did not fit or classes are too small, comes from
        # whoever has most to spare.
        free = (~held & ~is_last if spare_classes else ~held).nonzero()[0]
        free = free[np.lexsort((units.chance[order][free], is_last[free]))]
        held[_fill(free, size, missing)] = True
        # Every group is too large: the smallest is better than nothing.
        if not held.any() and len(free) and len(size) > 1:
            held[free[size[free].argmin()]] = True
    # Back from the sorted order.
    held_units = np.zeros(len(order), bool)
    held_units[order] = held
    return held_units


def _quotas(count: int, total: np.ndarray, can_give: np.ndarray, luck: np.ndarray) -> np.ndarray:
    """Shares of `count` by largest remainder, (classes,); sums may fall short.

    count: pictures to hold out in all.
    total: (classes,) pictures of each.
    can_give: (classes,) whether it has more than the one group that it keeps.
    luck: (classes,) decides ties.
    """
    # In whole numbers, so that no rounding of floats decides between classes.
    exact = count * total
    quota = exact // total.sum()
    missing = count - int(quota.sum())
    # Who can give comes first, then the largest remainder, then luck.
    rank = np.lexsort((luck, -(exact % total.sum()), ~can_give))[:missing]
    quota[rank[can_give[rank]]] += 1
    return quota


def _fill(free: np.ndarray, size: np.ndarray, missing: int) -> np.ndarray:
    """The free groups, in this order, that fit into what is missing; then single pictures."""
    fits = size[free].cumsum() <= missing
    left = missing - int(size[free][fits].sum())
    later = free[~fits]
    return np.concatenate([free[fits], later[size[later] == 1][:left]])


def hold_out_of_each_class(
    labels: Tensor, share: float, seed: int, groups: Tensor | None = None
) -> Tensor:
    """Choose a share of every class to tune on: (n,) labels give (n,) booleans, True = held out.

    At least one picture of each class with two or more is held out and at least one stays; a class
    with one stays whole.

    groups: (n,) numbers of pictures that stay together: then groups are counted instead, each under
        the label of its first picture.
    """
    if groups is not None:
        _, first, group_of = np.unique(groups.numpy(), return_index=True, return_inverse=True)
        held_groups = hold_out_of_each_class(labels[torch.from_numpy(first)], share, seed)
        return held_groups[torch.from_numpy(group_of)]
    order = torch.randperm(len(labels), generator=torch_generator(seed, "hold out"))
    _, kind, sizes = labels.cpu()[order].unique(return_inverse=True, return_counts=True)
    # Stable, so that chance decides the order within each class.
    by_class = torch.argsort(kind, stable=True)
    rank = torch.arange(len(labels)) - (sizes.cumsum(0) - sizes)[kind[by_class]]
    # At least one and never all: a class of one has a quota of zero.
    quota = torch.minimum((sizes * share).round().long().clamp_min(1), sizes - 1)
    held = torch.zeros(len(labels), dtype=torch.bool)
    held[order[by_class]] = rank < quota[kind[by_class]]
    return held.to(labels.device)


def limited(store: PackedStore, limit: int | None, seed: int) -> PackedStore:
    """At most `limit` pictures, chosen by chance from the whole store, in its order."""
    if limit is None or limit >= len(store):
        return store
    drawn = torch.randperm(len(store), generator=torch_generator(seed, "limit"))[:limit]
    return store.subset(drawn.sort().values)


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers from 0 to count - 1, evenly spread."""
    # Stores are often sorted by class: the first so many would pass whole classes over.
    places = torch.linspace(0, count - 1, min(most, count), dtype=torch.float64)
    return places.round().long().tolist()
