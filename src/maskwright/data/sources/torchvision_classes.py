"""The data sets of torchvision that can be named, and how the class of each is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Option:
    """A number that may stand behind a set's name: `STL10?fold=3`.

    name: as it stands there.
    word: torchvision's argument for it.
    least: the smallest number, included.
    most: the largest number, included.
    """

    name: str
    word: str
    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class TorchvisionSet:
    """How one torchvision class is used.

    splits: its splits, the default first.
    images: the attribute that holds pictures, or paths of their files.
    labels: the attribute that holds class numbers.
    on_disk: what the class expects in its folder, for the message when it is not there.
    kind: whether pictures are an array or files.
    split_by: the argument that chooses the split.
    option: a number that may stand behind the name, or None.
    """

    splits: tuple[str, ...]
    images: str
    labels: str
    on_disk: str
    kind: Literal["array", "files"] = "array"
    split_by: Literal["train", "split"] = "split"
    option: Option | None = None


def _train_or_test(on_disk: str) -> TorchvisionSet:
    """Sets of the first days of torchvision: arrays, chosen by `train=True`."""
    return TorchvisionSet(
        splits=("train", "test"),
        images="data",
        labels="targets",
        on_disk=on_disk,
        split_by="train",
    )


def _files(
    splits: tuple[str, ...],
    on_disk: str,
    images: str = "_image_files",
    option: Option | None = None,
) -> TorchvisionSet:
    """Sets whose pictures are files, in attributes that torchvision keeps for itself."""
    return TorchvisionSet(
        splits=splits, images=images, labels="_labels", on_disk=on_disk, kind="files", option=option
    )


# Both have the same files under the same names.
_MNIST = _train_or_test("the four *-ubyte files in {name}/raw/")
# By the names of torchvision's classes.
TORCHVISION_SETS: dict[str, TorchvisionSet] = {
    "CIFAR10": _train_or_test("cifar-10-batches-py/ (from cifar-10-python.tar.gz)"),
    "CIFAR100": _train_or_test("cifar-100-python/ (from cifar-100-python.tar.gz)"),
    "STL10": TorchvisionSet(
        splits=("train", "test", "unlabeled", "train+unlabeled"),
        images="data",
        labels="labels",
        on_disk="stl10_binary/ (from stl10_binary.tar.gz)",
        option=Option("fold", "folds", 0, 9),
    ),
    "SVHN": TorchvisionSet(
        splits=("train", "test", "extra"),
        images="data",
        labels="labels",
        on_disk="train_32x32.mat and test_32x32.mat",
    ),
    "MNIST": _MNIST,
    "FashionMNIST": _MNIST,
    "DTD": _files(
        ("train", "val", "test"),
        "dtd/dtd/ (from dtd-r1.0.1.tar.gz)",
        option=Option("partition", "partition", 1, 10),
    ),
    "Food101": _files(("train", "test"), "food-101/ (from food-101.tar.gz)"),
    "Flowers102": _files(
        ("train", "val", "test"),
        "flowers-102/ (with jpg/, imagelabels.mat, setid.mat)",
    ),
    "OxfordIIITPet": _files(
        ("trainval", "test"),
        "oxford-iiit-pet/ (with images/ and annotations/)",
        images="_images",
    ),
}
