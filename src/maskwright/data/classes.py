"""Classes of two stores under one numbering, and the pictures that have a label at all."""

from __future__ import annotations

import dataclasses

import torch

from maskwright.data.sources.label_column import UNLABELED
from maskwright.data.store.packed import PackedStore


def same_classes(train: PackedStore, test: PackedStore) -> PackedStore:
    """Number the test classes by their names as train does; names that train lacks come behind, and
    nothing learned can answer them.
    """
    if train.classes is None or test.classes is None or train.classes == test.classes:
        return test
    assert test.labels is not None
    place = {name: at for at, name in enumerate(train.classes)}
    for name in test.classes:
        place.setdefault(name, len(place))
    # One row more, so that -1, no label, stays -1.
    number = torch.tensor([*(place[name] for name in test.classes), UNLABELED])
    return dataclasses.replace(test, labels=number[test.labels], classes=tuple(place))


def shared_classes(train: PackedStore, test: PackedStore) -> tuple[str, ...]:
    """The classes that both stores name, in the order of train; numbers count as names where there
    are none.
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
    return store if known.all() else store.subset(known.nonzero()[:, 0])
