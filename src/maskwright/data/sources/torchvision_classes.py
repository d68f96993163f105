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


# Both have the same files under the same names.
_MNIST = TorchvisionSet(
    splits=("train", "test"),
    images="data",
    labels="targets",
    on_disk="the four *-ubyte files in {name}/raw/",
    split_by="train",
)
# By the names of torchvision's classes.
TORCHVISION_SETS: dict[str, TorchvisionSet] = {
    "CIFAR10": TorchvisionSet(
        splits=("train", "test"),
        images="data",
        labels="targets",
        on_disk="cifar-10-batches-py/ (from cifar-10-python.tar.gz)",
        split_by="train",
    ),
    "CIFAR100": TorchvisionSet(
        splits=("train", "test"),
        images="data",
        labels="targets",
        on_disk="cifar-100-python/ (from cifar-100-python.tar.gz)",
        split_by="train",
    ),
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
    "DTD": TorchvisionSet(
        splits=("train", "val", "test"),
        images="_image_files",
        labels="_labels",
        on_disk="dtd/dtd/ (from dtd-r1.0.1.tar.gz)",
        kind="files",
        option=Option("partition", "partition", 1, 10),
    ),
    "Food101": TorchvisionSet(
        splits=("train", "test"),
        images="_image_files",
        labels="_labels",
        on_disk="food-101/ (from food-101.tar.gz)",
        kind="files",
    ),
    "Flowers102": TorchvisionSet(
        splits=("train", "val", "test"),
        images="_image_files",
        labels="_labels",
        on_disk="flowers-102/ (with jpg/, imagelabels.mat, setid.mat)",
        kind="files",
    ),
    "OxfordIIITPet": TorchvisionSet(
        splits=("trainval", "test"),
        images="_images",
        labels="_labels",
        on_disk="oxford-iiit-pet/ (with images/ and annotations/)",
        kind="files",
    ),
}
