"""Classes of two stores under one numbering, and the pictures that have a label at all."""

from __future__ import annotations

import dataclasses

import torch

from maskwright.data.sources.label_column import UNLABELED
from maskwright.data.store.packed import PackedStore


def same_classes(train: PackedStore, test: PackedStore) -> PackedStore:
    """Number the test classes by their names as train does.

    Names that train lacks come behind: nothing learned can answer them.
    """
    if train.classes is None or test.classes is None or train.classes == test.classes:
        return test
    # Stores with class names always have labels.
    assert test.labels is not None
    numbers = {name: at for at, name in enumerate(train.classes)}
    for name in test.classes:
        numbers.setdefault(name, len(numbers))
    # One row more, so that -1, no label, stays -1.
    renumbered = torch.tensor([*(numbers[name] for name in test.classes), UNLABELED])
    return dataclasses.replace(test, labels=renumbered[test.labels], classes=tuple(numbers))


def shared_classes(train: PackedStore, test: PackedStore) -> tuple[str, ...]:
    """The classes that both stores name, in the order of train.

    Numbers count as names where there are none.
    """
    known = set(class_names(test))
    return tuple(name for name in class_names(train) if name in known)


def class_names(store: PackedStore) -> tuple[str, ...]:
    """The names of a labeled store's classes, or their numbers; none without labels."""
    if store.labels is None:
        return ()
    return store.classes or tuple(map(str, range(int(store.labels.max()) + 1)))


def only_labeled(store: PackedStore) -> PackedStore | None:
    """The pictures that have a label; None when no picture has one."""
    if store.labels is None or not (known := store.labels != UNLABELED).any():
        return None
    # The same object where nothing is left out: a subset would get another fingerprint.
    return store if known.all() else store.subset(known.nonzero()[:, 0])
