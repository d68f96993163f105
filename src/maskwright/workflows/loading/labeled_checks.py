"""What is wrong or odd about labeled pictures, in sentences.

No labels, a single class, classes that one part lacks, equal pictures in both parts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.data.classes import class_names
from maskwright.data.sources.folder_splits import lone_folder
from maskwright.data.sources.open import Source
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.store_source import StoreSource
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError


def label_notes(source: Source) -> tuple[str, ...]:
    """What is odd about the labels of a source that come from a file."""
    # Other sources have labels of their own, with nothing odd about them.
    return source.label_notes if isinstance(source, (PictureFiles, StoreSource)) else ()


def refuse_unlabeled(source: Source, data: str, split: str | None) -> None:
    """Raise MaskwrightError for pictures without labels, saying why they have none."""
    if source.labels is not None:
        return
    # A file of labels that did not fit has said why.
    if notes := label_notes(source):
        raise MaskwrightError(notes[-1])
    # Named as the person named it.
    where = f"'{data}'" if split is None else f"The split '{split}' of '{data}'"
    # The usual mistake: the pictures of a single class.
    folder = lone_folder([source.key(index) for index in range(len(source))])
    if folder is not None:
        raise MaskwrightError(
            f"{where} has one folder of pictures only, '{folder}': one class, and at least two are"
            " needed. Add folders of other classes, or pass --labels FILE.csv (file,label)."
        )
    if split is not None:
        raise MaskwrightError(
            f"{where} has no labels: it needs a sub-folder per class, at least two, or --labels"
            " FILE.csv (file,label); --train-split and --test-split name other splits."
        )
    raise MaskwrightError(
        f"{where} has no class folders and no labels - fine for pretraining, but not here: pass"
        " --labels FILE.csv (file,label), or name other pictures."
    )


def check_classes(train: PackedStore, test: PackedStore, data: str) -> tuple[str, ...]:
    """Say which classes are too small to tune on, and which test classes train never shows.

    Raises MaskwrightError for a single class.
    """
    # Labels and how many pictures have them: (k,) each.
    present, counts = labels_of(train).unique(return_counts=True)
    if len(present) < 2:
        raise MaskwrightError(
            f"'{data}' has {len(present)} class to learn from, and at least two are needed; use"
            " other or more pictures."
        )
    notes = []
    single = present[counts == 1]
    if len(single):
        notes.append(
            f"{_named(single, train)} one train image, so nothing of that can be held out to"
            " tune on."
        )
    # An answer can only be a class that was learned.
    tested = labels_of(test).unique()
    unknown = tested[~torch.isin(tested, present)]
    if len(unknown):
        notes.append(
            f"{_named(unknown, test)} test images but no train images, so all answers there are"
            " wrong."
        )
    return tuple(notes)


def _named(labels: Tensor, store: PackedStore) -> str:
    """The first classes by name, as the beginning of a sentence."""
    names = [str(label) for label in labels.tolist()]
    if store.classes:
        names = [f"'{store.classes[label]}'" for label in labels.tolist()]
    shown = ", ".join(names[:3])
    if len(names) > 3:
        shown += f" and {len(names) - 3} more"
    return f"Class {shown} has" if len(names) == 1 else f"Classes {shown} have"


def missing_classes(store: PackedStore, other: PackedStore) -> tuple[str, ...]:
    """The classes of the other store that this one does not name.

    Numbers count as names where there are none.
    """
    known = set(class_names(store))
    return tuple(name for name in class_names(other) if name not in known)


def count_repeated(train: PackedStore, test: PackedStore) -> int | None:
    """How many test pictures have the very pixels of one that is learned from.

    None for streams, which keep no pixels.
    """
    if train.content is None or test.content is None:
        return None
    # Content is a hash of the pixels: equal pictures under other names count.
    return int(torch.isin(test.content, train.content).sum())


def format_repeated(repeated: int | None, test: PackedStore) -> tuple[str, ...]:
    """A sentence about test pictures that are also learned from, if there are any."""
    if not repeated:
        return ()
    sentence = (
        f"{repeated:,} of {len(test):,} test pictures are also among those learned from (equal"
        " pixels), so the results flatter."
    )
    return (sentence,)


def labels_of(store: PackedStore) -> Tensor:
    """The (n,) labels of a store that is known to have some."""
    assert store.labels is not None
    return store.labels
