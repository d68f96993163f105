"""Layouts of data sets whose labels stand in text files beside the pictures: Tiny-ImageNet and DTD,
in a folder or an archive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from maskwright.data.sources.picture_files import (
    PICTURE_EXTENSIONS,
    Entry,
    PictureFiles,
    Storage,
    collect,
    extension,
)
from maskwright.support.errors import MaskwrightError

_ANNOTATIONS = "val/val_annotations.txt"
_FIRST_LIST = "labels/train1.txt"


@dataclass(frozen=True)
class _Place:
    """A data set as found: where, its files, and the folder that its layout begins in."""

    place: str
    name: str
    files: frozenset[str]
    storage: Storage
    root: str

    def pictures(self, folder: str) -> list[str]:
        """The keys of the pictures below a folder of the layout, sorted."""
        below = [
            key
            for key in self.files
            if key.startswith(f"{self.root}{folder}/") and extension(key) in PICTURE_EXTENSIONS
        ]
        return sorted(below)

    def lines(self, file: str) -> list[str]:
        """The lines of a text file of the layout; none when it is missing."""
        if f"{self.root}{file}" not in self.files:
            return []
        try:
            text = self.storage.read_bytes(f"{self.root}{file}").decode()
        except (OSError, UnicodeDecodeError) as error:
            raise MaskwrightError(f"Cannot read '{file}' of '{self.place}': {error}.") from error
        return [line.strip() for line in text.splitlines() if line.strip()]

    def source(
        self,
        keys: Sequence[str],
        labels: list[int] | None,
        classes: list[str],
        splits: tuple[str, ...],
        split: str,
    ) -> PictureFiles:
        return PictureFiles(
            name=self.name,
            keys=keys,
            storage=self.storage,
            labels=labels,
            classes=None if labels is None else classes,
            notes=(f"'{self.place}' is laid out in {', '.join(splits)}: using {split}.",),
            splits=splits,
        )

    def refuse_missing(self, listed: Sequence[str], file: str) -> None:
        """Raise MaskwrightError when a file names pictures that are not there."""
        if missing := [key for key in listed if key not in self.files]:
            raise MaskwrightError(
                f"'{file}' of '{self.place}' names {len(missing):,} of {len(listed):,} pictures"
                f" that are not there, for example '{missing[0]}'; unpack the data set again."
            )


def open_entries(
    entries: Iterable[Entry],
    storage: Storage,
    *,
    place: str,
    name: str,
    split: str | None,
    pattern: str | None,
) -> PictureFiles:
    """Build a source from the files of a folder or archive, by a known layout where there is one;
    as `collect` otherwise.

    Raises MaskwrightError as `collect` does, and for files of labels and pictures that do not fit
    each other.
    """
    listed = list(entries)
    for ending, read in ((_ANNOTATIONS, _read_tiny_imagenet), (_FIRST_LIST, _read_dtd)):
        root = next(
            (one.key.removesuffix(ending) for one in listed if _is_layout_file(one.key, ending)),
            None,
        )
        if root is not None and pattern is None:
            files = frozenset(one.key for one in listed)
            return read(_Place(place, name, files, storage, root), split)
    return collect(listed, storage, place=place, name=name, split=split, pattern=pattern)


def _is_layout_file(key: str, ending: str) -> bool:
    return key == ending or (
        key.endswith(f"/{ending}")
        and key.count("/") <= ending.count("/") + 2
        and "__MACOSX" not in key
    )


def _read_tiny_imagenet(found: _Place, split: str | None) -> PictureFiles:
    """Tiny-ImageNet-200: train/WNID/images/*, val/images/* with classes in val_annotations.txt,
    test/images/* without labels.
    """
    train = found.pictures("train")
    splits = ("train", "val", *(("test",) if found.pictures("test") else ()))
    split = _chosen(split, splits, found.place)
    wnids = [_folder_below(key, f"{found.root}train/") for key in train]
    known = sorted(set(wnids))
    if absent := [wnid for wnid in found.lines("wnids.txt") if wnid not in known]:
        raise MaskwrightError(
            f"'wnids.txt' of '{found.place}' names {len(absent)} classes without a folder in"
            f" train/, for example '{absent[0]}'."
        )
    if split == "test":
        return found.source(found.pictures("test"), None, [], splits, split)
    keys = train if split == "train" else []
    if split == "val":
        keys, wnids = _read_annotations(found, known)
    number = {wnid: at for at, wnid in enumerate(known)}
    return found.source(
        keys,
        [number[wnid] for wnid in wnids],
        _names_of(known, found.lines("words.txt")),
        splits,
        split,
    )


def _read_annotations(found: _Place, known: list[str]) -> tuple[list[str], list[str]]:
    """The keys of the val pictures and the class of each."""
    rows = [
        line.split("\t") if "\t" in line else line.split() for line in found.lines(_ANNOTATIONS)
    ]
    if not rows or min(map(len, rows)) < 2:
        raise MaskwrightError(
            f"'{_ANNOTATIONS}' of '{found.place}' has a line without a picture and its class."
        )
    keys, wnids = [f"{found.root}val/images/{row[0]}" for row in rows], [row[1] for row in rows]
    found.refuse_missing(keys, _ANNOTATIONS)
    if strange := [wnid for wnid in wnids if wnid not in known]:
        raise MaskwrightError(
            f"'{_ANNOTATIONS}' of '{found.place}' names the class '{strange[0]}', which train/ has"
            " no folder of."
        )
    if untold := sorted(set(found.pictures("val/images")) - set(keys)):
        raise MaskwrightError(
            f"'{_ANNOTATIONS}' of '{found.place}' has no line for {len(untold):,} pictures, for"
            f" example '{untold[0]}'."
        )
    return keys, wnids


def _names_of(wnids: list[str], lines: list[str]) -> list[str]:
    """The first word of each class in words.txt, its number behind it where two classes share a
    word; the number alone without a line.
    """
    words = {
        wnid: text.split(",")[0].strip()
        for wnid, _, text in (line.partition("\t") for line in lines)
    }
    names = [words.get(wnid) or wnid for wnid in wnids]
    count = Counter(names)
    return [
        name if count[name] == 1 else f"{name} ({wnid})"
        for name, wnid in zip(names, wnids, strict=True)
    ]


def _read_dtd(found: _Place, split: str | None) -> PictureFiles:
    """DTD: images/CLASS/*, partitions named by labels/train1.txt to test10.txt; `train` is
    partition 1, `train3` partition 3.
    """
    splits = tuple(name for name in ("train", "val", "test") if found.lines(f"labels/{name}1.txt"))
    wanted = split or "train"
    file = f"labels/{wanted if wanted[-1:].isdigit() else f'{wanted}1'}.txt"
    lines = found.lines(file)
    if not lines:
        raise MaskwrightError(
            f"'{found.place}' has no split '{wanted}': there is no {file}. It has"
            f" {', '.join(splits)}, and e.g. train2."
        )
    keys = [f"{found.root}images/{line}" for line in lines]
    found.refuse_missing(keys, file)
    classes = sorted(
        {_folder_below(key, f"{found.root}images/") for key in found.pictures("images")}
    )
    return found.source(
        keys, [classes.index(line.split("/")[0]) for line in lines], classes, splits, wanted
    )


def _chosen(split: str | None, splits: tuple[str, ...], place: str) -> str:
    if split is not None and split not in splits:
        raise MaskwrightError(
            f"'{place}' has no split '{split}': its splits are {', '.join(splits)}."
        )
    return split or splits[0]


def _folder_below(key: str, folder: str) -> str:
    return PurePosixPath(key.removeprefix(folder)).parts[0]
