"""Choosing pictures to hold out, every class in its share, and groups of pictures together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwright.support.seeding import torch_generator


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
    # Pictures without labels are all of one class.
    known = np.zeros(len(luck), np.int64)
    if labels is not None:
        known = labels.numpy()
    if groups is None:
        alone = np.ones(len(luck), np.int64)
        return _Units(alone, luck, _renumber(known))

    numbers = groups.numpy()
    size = np.bincount(numbers)  # (g,)
    # Sorted by group, then chance, then label: the first row of each group speaks for it.
    order = np.lexsort((known, luck, numbers))
    starts = size.cumsum() - size
    first = order[starts]
    return _Units(size, luck[first], _renumber(known[first]))


def _renumber(labels: np.ndarray) -> np.ndarray:
    """Class numbers from 0."""
    # Numbers that lie close together are only shifted, which is much faster than sorting them.
    shifted = labels - labels.min()
    if shifted.max() < 2 * len(labels):
        return shifted
    _, numbers = np.unique(labels, return_inverse=True)
    return numbers


def _choose_units(count: int, units: _Units, spare_classes: bool) -> np.ndarray:
    """Which groups (g,) are held out."""
    # Class by class, by chance within each.
    order = np.lexsort((units.chance, units.kind))
    size = units.size[order]
    kind = units.kind[order]
    chance = units.chance[order]
    total = np.bincount(kind, weights=size).astype(np.int64)  # (classes,)

    # The last group of each class is what it keeps if it can.
    next_differs = kind[1:] != kind[:-1]
    is_last = np.append(next_differs, True)
    # Ties between classes are decided by the chance of that last group.
    luck = np.full(len(total), np.iinfo(np.int64).max)
    np.minimum.at(luck, kind[is_last], chance[is_last])
    num_groups = np.bincount(kind, minlength=len(total))
    quota = _quotas(count, total, num_groups > 1, luck)

    # Pictures of the same class up to and with each group: held while its quota lasts.
    before_class = total.cumsum() - total
    within = size.cumsum() - before_class[kind]
    held = (within <= quota[kind]) & ~is_last
    missing = count - int(size[held].sum())
    if missing:
        # What no quota could give, because groups did not fit or classes are too small, comes from
        # whoever has most to spare.
        is_free = ~held
        if spare_classes:
            is_free &= ~is_last
        (free,) = is_free.nonzero()
        by_chance = np.lexsort((chance[free], is_last[free]))
        _hold_more(held, free[by_chance], size, missing)

    # Back from the sorted order.
    held_units = np.zeros(len(order), bool)
    held_units[order] = held
    return held_units


def _hold_more(held: np.ndarray, free: np.ndarray, size: np.ndarray, missing: int) -> None:
    """Hold out what fits of the free groups, in their order; `held` is changed in place."""
    held[_fill(free, size, missing)] = True
    # Every group is too large: the smallest is better than nothing.
    if not held.any() and len(free) and len(size) > 1:
        smallest = size[free].argmin()
        held[free[smallest]] = True


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
    remainder = exact % total.sum()
    rank = np.lexsort((luck, -remainder, ~can_give))
    chosen = rank[:missing]
    giving = chosen[can_give[chosen]]
    quota[giving] += 1
    return quota


def _fill(free: np.ndarray, size: np.ndarray, missing: int) -> np.ndarray:
    """The free groups, in this order, that fit into what is missing; then single pictures."""
    fits = size[free].cumsum() <= missing
    left = missing - int(size[free][fits].sum())
    later = free[~fits]
    singles = later[size[later] == 1]
    return np.concatenate([free[fits], singles[:left]])


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
        first, group_of = first_of_groups(groups)
        return hold_out_of_each_class(labels[first], share, seed)[group_of]

    order = torch.randperm(len(labels), generator=torch_generator(seed, "hold out"))
    shuffled = labels.cpu()[order]
    _, kind, sizes = shuffled.unique(return_inverse=True, return_counts=True)
    # Stable, so that chance decides the order within each class.
    by_class = torch.argsort(kind, stable=True)
    sorted_kind = kind[by_class]
    starts = sizes.cumsum(0) - sizes  # (classes,)
    rank = torch.arange(len(labels)) - starts[sorted_kind]

    # At least one and never all: a class of one has a quota of zero.
    wanted = (sizes * share).round().long()
    quota = torch.minimum(wanted.clamp_min(1), sizes - 1)
    held = torch.zeros(len(labels), dtype=torch.bool)
    held[order[by_class]] = rank < quota[sorted_kind]
    return held.to(labels.device)


def first_of_groups(groups: Tensor) -> tuple[Tensor, Tensor]:
    """The place of the first picture of each group, (g,), and the group of each picture, (n,) from
    0.
    """
    _, first, group_of = np.unique(groups.numpy(), return_index=True, return_inverse=True)
    return torch.from_numpy(first), torch.from_numpy(group_of)
