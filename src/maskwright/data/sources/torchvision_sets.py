"""Data sets that torchvision knows how to download: STL10, CIFAR10, DTD and others, by name."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskwright.data.sources.arrays import ArraySource, build_array_source
from maskwright.data.sources.file_names import slug
from maskwright.data.sources.folder import FolderStorage
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.source_kind import OpenOptions, SourceKind
from maskwright.data.sources.torchvision_classes import TORCHVISION_SETS, TorchvisionSet
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.variables import cache_folder

_PREFIX = "torchvision:"
logger = logging.getLogger(__name__)


# Arrays whose class names torchvision knows; SVHN's are its digits.
_WITH_CLASSES = ("CIFAR10", "CIFAR100", "STL10", "MNIST", "FashionMNIST")


@dataclass(frozen=True)
class _Opened:
    """A torchvision data set as it was opened.

    dataset: torchvision's object.
    name: of its class.
    title: the name, with the option if one was chosen.
    split: the split that was opened.
    """

    dataset: Any
    name: str
    title: str
    split: str

    @property
    def kind(self) -> TorchvisionSet:
        return TORCHVISION_SETS[self.name]


def open_torchvision(
    name: str, *, split: str | None = None, root: Path | None = None
) -> ArraySource | PictureFiles:
    """Open a torchvision data set by its class name, downloading it when it is not there.

    name: perhaps with an option, `STL10?fold=3` (one of the ten folds of 1,000 training pictures)
        or `DTD?partition=2`.
    split: one of the set's own, the first (train) when None.
    root: where its files are; $cache/torchvision when None.

    Raises MaskwrightError for an unknown name, option or split, and when the files are neither
    there nor to be had, naming what to put where.
    """
    name, _, option = name.partition("?")
    known = {key.lower(): key for key in TORCHVISION_SETS}
    if name.lower() not in known:
        raise unknown_name("torchvision set", name, TORCHVISION_SETS)
    name = known[name.lower()]
    kind = TORCHVISION_SETS[name]
    split = split or kind.splits[0]
    if split not in kind.splits:
        raise MaskwrightError(
            f"torchvision:{name} has no split '{split}'; it has {', '.join(kind.splits)}."
        )
    folder = cache_folder() / "torchvision" if root is None else root
    arguments = _read_option(name, kind, option) if option else {}
    dataset = _load(name, split, folder, arguments)
    # The test pictures of STL10 are the same for every fold, so their name has no fold.
    is_shared = kind.kind == "array" and split == "test"
    title = name if not option or is_shared else f"{name} {option.replace('=', ' ')}"
    opened = _Opened(dataset, name, title, split)
    return _from_arrays(opened) if kind.kind == "array" else _from_files(opened)


def _read_option(name: str, kind: TorchvisionSet, text: str) -> dict[str, int]:
    """The option behind a set's name, as torchvision's argument.

    Raises MaskwrightError for others and for numbers out of range.
    """
    option = kind.option
    word, _, number = text.partition("=")
    if option is None:
        raise MaskwrightError(f"torchvision:{name} takes no options; got '?{text}'.")
    is_number = word == option.name and number.isdigit()
    if not is_number or not option.least <= int(number) <= option.most:
        raise MaskwrightError(
            f"torchvision:{name} takes ?{option.name}={option.least} to {option.most}; got"
            f" '?{text}'."
        )
    return {option.word: int(number)}


def _load(name: str, split: str, root: Path, arguments: dict[str, int]) -> Any:
    """Build the torchvision object from the files in `root`, or download them first."""
    from torchvision import datasets

    kind = TORCHVISION_SETS[name]
    options: dict[str, Any] = {"split": split}
    if kind.split_by == "train":
        options = {"train": split == "train"}
    options |= arguments
    build = getattr(datasets, name)
    # What is there is used as it is, so that no network is needed.
    try:
        return build(str(root), download=False, **options)
    except (RuntimeError, OSError) as error:
        logger.info("%s is not in %s (%s); downloading it", name, root, error)
    try:
        root.mkdir(parents=True, exist_ok=True)
        return build(str(root), download=True, **options)
    except (RuntimeError, OSError) as error:  # urllib's errors are OSErrors
        needed = kind.on_disk.format(name=name)
        raise MaskwrightError(
            f"torchvision:{name} is not in '{root}' and could not be downloaded ({error}). "
            f"Put {needed} there, or name its folder with --root."
        ) from error


def _from_arrays(opened: _Opened) -> ArraySource:
    kind = opened.kind
    images = np.asarray(getattr(opened.dataset, kind.images))
    labels = torch.as_tensor(getattr(opened.dataset, kind.labels)).tolist()
    is_labeled = bool(labels) and min(labels) >= 0  # -1 stands for STL10's unlabeled part
    has_classes = opened.name in _WITH_CLASSES
    # The train split, which is the default, goes by the name of the whole.
    title = opened.title if opened.split == "train" else f"{opened.title} {opened.split}"
    source = build_array_source(
        images,
        title,
        labels=labels if is_labeled else None,
        classes=list(opened.dataset.classes) if has_classes else None,
    )
    return replace(source, splits=kind.splits)


def _from_files(opened: _Opened) -> PictureFiles:
    kind = opened.kind
    paths = [Path(path) for path in getattr(opened.dataset, kind.images)]
    root = Path(opened.dataset.root)
    labels = [int(label) for label in getattr(opened.dataset, kind.labels)]
    if opened.name == "Flowers102":  # its classes have numbers only
        classes = [str(label) for label in range(max(labels) + 1)]
    else:
        classes = list(opened.dataset.classes)
    return PictureFiles(
        name=slug(opened.title),
        keys=[path.relative_to(root).as_posix() for path in paths],
        storage=FolderStorage(root),
        labels=labels,
        classes=classes,
        splits=kind.splits,
    )


def _open_named(text: str, options: OpenOptions) -> ArraySource | PictureFiles:
    return open_torchvision(text.removeprefix(_PREFIX), split=options.split, root=options.root)


TORCHVISION_SET = SourceKind(
    name="torchvision set",
    noun="a torchvision set",
    takes=str,
    accepts=lambda text: text.startswith(_PREFIX),
    open=_open_named,
    prefix=_PREFIX.removesuffix(":"),
)
