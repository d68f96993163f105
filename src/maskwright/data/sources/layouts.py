"""Data sets whose labels stand in text files beside the pictures: Tiny-ImageNet and DTD."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from maskwright.data.sources.collect import Listing, collect
from maskwright.data.sources.file_names import PICTURE_EXTENSIONS, extension
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.support.errors import MaskwrightError

# A data set is known by one file that its authors ship and nobody else writes.
_ANNOTATIONS = "val/val_annotations.txt"
_FIRST_LIST = "labels/train1.txt"


@dataclass(frozen=True)
class _Layout:
    """A data set in a known layout.

    listing: the folder or archive that holds it.
    files: the keys of all its files.
    root: the folder, inside the listing, that the layout begins in; ends in a slash or is empty.
    """

    listing: Listing
    files: frozenset[str]
    root: str

    @property
    def location(self) -> str:
        return self.listing.location

    def pictures(self, folder: str) -> list[str]:
        """The keys of the pictures below a folder of the layout, sorted."""
        start = f"{self.root}{folder}/"
        # A set has no order, so the keys are sorted.
        below = [key for key in self.files if key.startswith(start)]
        return sorted(key for key in below if extension(key) in PICTURE_EXTENSIONS)

    def lines(self, file: str) -> list[str]:
        """The lines of a text file of the layout; none when it is missing."""
        if f"{self.root}{file}" not in self.files:
            return []
        try:
            text = self.listing.storage.read_bytes(f"{self.root}{file}").decode()
        except (OSError, UnicodeDecodeError) as error:
            raise MaskwrightError(f"Cannot read '{file}' of '{self.location}': {error}.") from error
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
            name=self.listing.name,
            keys=keys,
            storage=self.listing.storage,
            labels=labels,
            classes=None if labels is None else classes,
            notes=(f"'{self.location}' is laid out in {', '.join(splits)}: using {split}.",),
            splits=splits,
        )

    def refuse_missing(self, keys: Sequence[str], file: str) -> None:
        """Raise MaskwrightError when a file names pictures that are not there."""
        if missing := [key for key in keys if key not in self.files]:
            raise MaskwrightError(
                f"'{file}' of '{self.location}' names {len(missing):,} of {len(keys):,} pictures"
                f" that are not there, for example '{missing[0]}'; unpack the data set again."
            )


def open_listing(listing: Listing) -> PictureFiles:
    """Build a source from listed files, by a known layout where there is one.

    Otherwise as `collect` does. Raises MaskwrightError as `collect` does, and for files of labels
    and pictures that do not fit each other.
    """
    # Whoever gives a pattern chooses pictures alone, and labels come from their folders.
    if listing.pattern is not None:
        return collect(listing)
    # The data set may lie in a folder of its own inside an archive.
    for marker, read in ((_ANNOTATIONS, _read_tiny_imagenet), (_FIRST_LIST, _read_dtd)):
        marked = next((key for key in listing.keys if _is_marker(key, marker)), None)
        if marked is not None:
            root = marked.removesuffix(marker)
            return read(_Layout(listing, frozenset(listing.keys), root), listing.split)
    return collect(listing)


def _is_marker(key: str, marker: str) -> bool:
    """Whether a file marks a layout: at the top, or at most two folders below it."""
    # First what is quick and nearly always decides: every file of the data is asked.
    if not key.endswith(marker):
        return False
    if key == marker:
        return True
    depth = key.count("/") - marker.count("/")
    return key.endswith(f"/{marker}") and depth <= 2 and "__MACOSX" not in key


def _read_tiny_imagenet(layout: _Layout, split: str | None) -> PictureFiles:
    """Tiny-ImageNet-200: train/WNID/images/*, val/images/* with classes in val_annotations.txt.

    Pictures of test/images/* have no labels. A WNID is the number of a class in WordNet.
    """
    train = layout.pictures("train")
    train_wnids = [_folder_below(key, f"{layout.root}train/") for key in train]
    known = sorted(set(train_wnids))
    splits = ("train", "val", *(("test",) if layout.pictures("test") else ()))
    split = _choose_split(split, splits, layout.location)

    # Part of a data set, half unpacked, would number its classes otherwise.
    if absent := [wnid for wnid in layout.lines("wnids.txt") if wnid not in known]:
        raise MaskwrightError(
            f"'wnids.txt' of '{layout.location}' names {len(absent)} classes without a folder in"
            f" train/, for example '{absent[0]}'."
        )
    if split == "test":
        return layout.source(layout.pictures("test"), None, [], splits, split)
    if split == "val":
        keys, wnids = _read_annotations(layout, known)
    else:
        keys, wnids = train, train_wnids
    number = {wnid: index for index, wnid in enumerate(known)}
    labels = [number[wnid] for wnid in wnids]
    classes = _class_names(known, layout.lines("words.txt"))
    return layout.source(keys, labels, classes, splits, split)


def _read_annotations(layout: _Layout, known: list[str]) -> tuple[list[str], list[str]]:
    """The keys of the val pictures and the class of each."""
    rows = []
    for line in layout.lines(_ANNOTATIONS):
        rows.append(line.split("\t") if "\t" in line else line.split())
    if not rows or min(map(len, rows)) < 2:
        raise MaskwrightError(
            f"'{_ANNOTATIONS}' of '{layout.location}' has a line without a picture and its class."
        )
    keys = [f"{layout.root}val/images/{row[0]}" for row in rows]
    wnids = [row[1] for row in rows]

    # The file and the pictures must fit each other both ways.
    layout.refuse_missing(keys, _ANNOTATIONS)
    if strange := [wnid for wnid in wnids if wnid not in known]:
        raise MaskwrightError(
            f"'{_ANNOTATIONS}' of '{layout.location}' names the class '{strange[0]}', which"
            " train/ has no folder of."
        )
    if unlisted := sorted(set(layout.pictures("val/images")) - set(keys)):
        raise MaskwrightError(
            f"'{_ANNOTATIONS}' of '{layout.location}' has no line for {len(unlisted):,} pictures,"
            f" for example '{unlisted[0]}'."
        )
    return keys, wnids


def _class_names(wnids: list[str], lines: list[str]) -> list[str]:
    """The first word of each class in words.txt, or its number where it has no line."""
    words = {}
    for line in lines:
        wnid, _, text = line.partition("\t")
        words[wnid] = text.split(",")[0].strip()
    names = [words.get(wnid) or wnid for wnid in wnids]
    # Two classes may share a word (a crane is a bird and a machine): the number tells them apart.
    count = Counter(names)
    return [
        name if count[name] == 1 else f"{name} ({wnid})"
        for name, wnid in zip(names, wnids, strict=True)
    ]


def _read_dtd(layout: _Layout, split: str | None) -> PictureFiles:
    """DTD: images/CLASS/*, ten partitions named by labels/train1.txt to test10.txt.

    `train` is partition 1, `train3` partition 3.
    """
    splits = tuple(name for name in ("train", "val", "test") if layout.lines(f"labels/{name}1.txt"))
    split = split or "train"
    has_partition = split[-1:].isdigit()
    file = f"labels/{split}.txt" if has_partition else f"labels/{split}1.txt"
    lines = layout.lines(file)
    if not lines:
        raise MaskwrightError(
            f"'{layout.location}' has no split '{split}': there is no {file}. It has"
            f" {', '.join(splits)}, and e.g. train2."
        )
    keys = [f"{layout.root}images/{line}" for line in lines]
    layout.refuse_missing(keys, file)
    # Classes come from the folders, so that every partition numbers them alike.
    images = f"{layout.root}images/"
    classes = sorted({_folder_below(key, images) for key in layout.pictures("images")})
    folders = [line.split("/")[0] for line in lines]
    labels = [classes.index(folder) for folder in folders]
    return layout.source(keys, labels, classes, splits, split)


def _choose_split(split: str | None, splits: tuple[str, ...], location: str) -> str:
    if split is not None and split not in splits:
        raise MaskwrightError(
            f"'{location}' has no split '{split}': its splits are {', '.join(splits)}."
        )
    return split or splits[0]


def _folder_below(key: str, folder: str) -> str:
    return PurePosixPath(key.removeprefix(folder)).parts[0]
