"""What the folders say that pictures sit in: their split (train, val, test) and their class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from maskwright.support.errors import MaskwrightError

# The usual names of folders that hold a split.
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


def find_splits(keys: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The top folders, if all are named like splits, and the folder above them."""
    root = _shared_folder(list(keys))
    below = [key[len(root) :] for key in keys]
    # A loose picture stands for a top folder without a name, which is no split.
    top = {key.split("/")[0] if "/" in key else "" for key in below}
    return order_splits(top), root


def order_splits(names: set[str]) -> tuple[str, ...]:
    """Names of splits, train first, then val and test; none unless all are named so."""
    if not all(map(_split_of, names)):
        return ()
    order = list(SPLITS)

    def position(name: str) -> tuple[int, str]:
        return order.index(_split_of(name) or ""), name

    return tuple(sorted(names, key=position))


def pick_split(split: str, splits: tuple[str, ...], location: str) -> str:
    """The top folder that a split's name stands for.

    Raises MaskwrightError when there is none.
    """
    for folder in splits:
        # `val` also stands for a folder called `validation`.
        if split == folder or split in SPLITS.get(_split_of(folder) or "", ()):
            return folder
    if splits:
        reason = f"its splits are {', '.join(splits)}"
    else:
        reason = "its top folders are not named train, val or test"
    raise MaskwrightError(f"'{location}' has no split '{split}': {reason}.")


def labels_from_folders(
    keys: Sequence[str], root: str, below_split: bool
) -> tuple[list[int] | None, list[str] | None]:
    """Number the folder below `root` (and below the split) that each picture sits in.

    None for both when pictures sit loose or all in one folder.
    """
    # The folders below the root, without the split's, and the file's name last.
    skipped = 1 if below_split else 0
    parts = [key[len(root) :].split("/")[skipped:] for key in keys]
    if any(len(part) < 2 for part in parts):
        return None, None
    classes = sorted({part[0] for part in parts})
    if len(classes) < 2:
        return None, None
    number = {label: index for index, label in enumerate(classes)}
    return [number[part[0]] for part in parts], classes


def lone_folder(keys: Sequence[str]) -> str | None:
    """The name of the one folder that all pictures lie in.

    None for loose pictures, for several folders, and for a folder named like a split.
    """
    folders = {key.rpartition("/")[0] for key in keys}
    name = PurePosixPath(folders.pop()).name if len(folders) == 1 else ""
    return name if name and _split_of(name) is None else None


def _split_of(folder: str) -> str | None:
    """The split that a folder is named like; None for other names."""
    for split, names in SPLITS.items():
        if folder.lower() in names:
            return split
    return None


def _shared_folder(keys: list[str]) -> str:
    """The folders that all keys begin with, up to a folder named like a split.

    'photos/' for photos/a/1.jpg and photos/b/2.jpg.
    """
    shared = keys[0].split("/")[:-1]
    for key in keys:
        folders = key.split("/")[:-1]
        shared = shared[: _count_equal(shared, folders)]
    # A shared folder called `train` is the split itself, and splits are looked for below the root.
    root = ""
    for folder in shared:
        if _split_of(folder):
            break
        root += f"{folder}/"
    return root


def _count_equal(left: list[str], right: list[str]) -> int:
    """How many folders two paths begin with together."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count
