"""Which pictures are trained on, held out and tested on is decided here, for every command.

Windows and exact duplicates of a picture stay together. A picture's part depends on the names of
the pictures, their labels and the seed, never on their order or on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.data.store.same_picture import group_pictures, hash_names
from maskwright.data.store.stratified import choose_held
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
    if not held.any():
        return Holdout(store, None)
    return divide(store, held)


def divide(store: PackedStore, is_held: Tensor) -> Holdout:
    """Cut a store by (n,) booleans, True = held; neither side may be empty."""
    trained = (~is_held).nonzero()[:, 0]
    held = is_held.nonzero()[:, 0]
    return Holdout(store.subset(trained), store.subset(held))


def limited(store: PackedStore, limit: int | None, seed: int) -> PackedStore:
    """At most `limit` pictures, chosen by chance from the whole store, in its order."""
    if limit is None or limit >= len(store):
        return store
    shuffled = torch.randperm(len(store), generator=torch_generator(seed, "limit"))
    drawn = shuffled[:limit]
    return store.subset(drawn.sort().values)


def spread(count: int, most: int) -> list[int]:
    """At most so many of the numbers from 0 to count - 1, evenly spread."""
    # Stores are often sorted by class: the first so many would pass whole classes over.
    number = min(most, count)
    places = torch.linspace(0, count - 1, number, dtype=torch.float64)
    return places.round().long().tolist()
