"""Data sets that torchvision knows how to download: STL10, CIFAR10, DTD and others, by name."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from maskwright.data.sources.arrays import ArraySource, build_array_source
from maskwright.data.sources.folder import FolderStorage
from maskwright.data.sources.picture_files import PictureFiles, slug
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.variables import cache_folder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Option:
    """A number that may stand behind a set's name, `STL10?fold=3`, and torchvision's word for it;
    least and most are included.
    """

    name: str
    word: str
    least: int
    most: int


@dataclass(frozen=True)
class TorchvisionSet:
    """How one torchvision class is asked for a split, where it keeps pictures and labels, and what
    it expects on disk.
    """

    splits: tuple[str, ...]
    images: str
    labels: str
    on_disk: str
    kind: Literal["array", "files"] = "array"
    split_by: Literal["train", "split"] = "split"
    option: Option | None = None


_CIFAR_SPLITS = ("train", "test")
_MNIST_FILES = "the four *-ubyte files in {name}/raw/"
TORCHVISION_SETS: dict[str, TorchvisionSet] = {
    "CIFAR10": TorchvisionSet(
        _CIFAR_SPLITS,
        "data",
        "targets",
        "cifar-10-batches-py/ (from cifar-10-python.tar.gz)",
        split_by="train",
    ),
    "CIFAR100": TorchvisionSet(
        _CIFAR_SPLITS,
        "data",
        "targets",
        "cifar-100-python/ (from cifar-100-python.tar.gz)",
        split_by="train",
    ),
    "STL10": TorchvisionSet(
        ("train", "test", "unlabeled", "train+unlabeled"),
        "data",
        "labels",
        "stl10_binary/ (from stl10_binary.tar.gz)",
        option=Option("fold", "folds", 0, 9),
    ),
    "SVHN": TorchvisionSet(
        ("train", "test", "extra"), "data", "labels", "train_32x32.mat and test_32x32.mat"
    ),
    "MNIST": TorchvisionSet(_CIFAR_SPLITS, "data", "targets", _MNIST_FILES, split_by="train"),
    "FashionMNIST": TorchvisionSet(
        _CIFAR_SPLITS, "data", "targets", _MNIST_FILES, split_by="train"
    ),
    "DTD": TorchvisionSet(
        ("train", "val", "test"),
        "_image_files",
        "_labels",
        "dtd/dtd/ (from dtd-r1.0.1.tar.gz)",
        "files",
        option=Option("partition", "partition", 1, 10),
    ),
    "Food101": TorchvisionSet(
        ("train", "test"), "_image_files", "_labels", "food-101/ (from food-101.tar.gz)", "files"
    ),
    "Flowers102": TorchvisionSet(
        ("train", "val", "test"),
        "_image_files",
        "_labels",
        "flowers-102/ (with jpg/, imagelabels.mat, setid.mat)",
        "files",
    ),
    "OxfordIIITPet": TorchvisionSet(
        ("trainval", "test"),
        "_images",
        "_labels",
        "oxford-iiit-pet/ (with images/ and annotations/)",
        "files",
    ),
}


def open_torchvision(
    name: str, *, split: str | None = None, root: Path | None = None
) -> ArraySource | PictureFiles:
    """Open a torchvision data set by its class name, downloading it into `root` when it is not
    there.

    name: perhaps with an option, `STL10?fold=3` (one of the ten folds of 1,000 training pictures)
        or `DTD?partition=2`.
    split: one of the set's own, the first (train) when None.
    root: $cache/torchvision when None.

    Raises MaskwrightError for an unknown name, option or split, and when the files are neither
    there nor to be had, naming what to put where.
    """
    name, _, told = name.partition("?")
    known = {each.lower(): each for each in TORCHVISION_SETS}
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
    dataset = _load(name, kind, split, folder, _read_option(name, kind, told) if told else {})
    title = (
        name
        if not told or (kind.kind == "array" and split == "test")
        else f"{name} {told.replace('=', ' ')}"
    )
    return (
        _from_arrays(dataset, name, title, kind, split)
        if kind.kind == "array"
        else _from_files(dataset, name, title, kind, split)
    )


def _read_option(name: str, kind: TorchvisionSet, told: str) -> dict[str, int]:
    """The option behind a set's name in torchvision's words; raises MaskwrightError for others and
    for numbers out of range.
    """
    option = kind.option
    word, _, number = told.partition("=")
    if option is None:
        raise MaskwrightError(f"torchvision:{name} takes no options; got '?{told}'.")
    if (
        word != option.name
        or not number.isdigit()
        or not option.least <= int(number) <= option.most
    ):
        raise MaskwrightError(
            f"torchvision:{name} takes ?{option.name}={option.least} to {option.most}; got"
            f" '?{told}'."
        )
    return {option.word: int(number)}


def _load(name: str, kind: TorchvisionSet, split: str, root: Path, more: dict[str, int]) -> Any:
    """Build the torchvision object from the files in `root`, or download them first."""
    from torchvision import datasets

    options: dict[str, Any] = (
        {"train": split == "train"} if kind.split_by == "train" else {"split": split}
    )
    options |= more
    build = getattr(datasets, name)
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


def _from_arrays(
    dataset: Any, name: str, title: str, kind: TorchvisionSet, split: str
) -> ArraySource:
    images, labels = (
        np.asarray(getattr(dataset, kind.images)),
        torch.as_tensor(getattr(dataset, kind.labels)).tolist(),
    )
    labelled = bool(labels) and min(labels) >= 0  # torchvision writes -1 for STL10's unlabeled part
    classes = (
        list(dataset.classes)
        if name in ("CIFAR10", "CIFAR100", "STL10", "MNIST", "FashionMNIST")
        else None
    )
    title = title if split == "train" else f"{title} {split}"
    return build_array_source(
        images, title, labels=labels if labelled else None, classes=classes, splits=kind.splits
    )


def _from_files(
    dataset: Any, name: str, title: str, kind: TorchvisionSet, split: str
) -> PictureFiles:
    paths = [Path(path) for path in getattr(dataset, kind.images)]
    root = Path(dataset.root)
    keys = [path.relative_to(root).as_posix() for path in paths]
    labels = [int(label) for label in getattr(dataset, kind.labels)]
    classes = (
        [str(label) for label in range(max(labels) + 1)]
        if name == "Flowers102"
        else list(dataset.classes)
    )
    return PictureFiles(
        name=slug(title),
        keys=keys,
        storage=FolderStorage(root),
        labels=labels,
        classes=classes,
        splits=kind.splits,
    )
