"""From the files of a folder or archive to a source: pictures, their split and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maskwright.data.sources.file_names import PICTURE_EXTENSIONS, extension
from maskwright.data.sources.folder_splits import find_splits, labels_from_folders, pick_split
from maskwright.data.sources.globs import matcher
from maskwright.data.sources.picture_files import PictureFiles, Storage
from maskwright.data.sources.unread_files import describe_unread, no_pictures_message
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder or archive, and which of them are to be used.

    keys: paths inside, with forward slashes.
    storage: where their bytes are.
    location: the folder or archive, for messages.
    name: a short name for the source.
    split: train, val or test; None for all.
    pattern: a folder or glob pattern inside; None for all.
    """

    keys: Sequence[str]
    storage: Storage
    location: str
    name: str
    split: str | None
    pattern: str | None


def collect(listing: Listing) -> PictureFiles:
    """Build a source from listed files.

    It keeps pictures, matches the pattern, picks the split and reads labels from folders. Raises
    MaskwrightError when no picture is left, saying what is there instead.
    """
    # Sorted, since file systems and archives list their files in any order.
    visible = sorted(key for key in listing.keys if not _is_hidden(key))
    if listing.pattern is None:
        matching = visible
    else:
        is_match = matcher(listing.pattern)
        matching = [key for key in visible if is_match(key)]
    pictures = [key for key in matching if extension(key) in PICTURE_EXTENSIONS]
    if not pictures:
        raise MaskwrightError(no_pictures_message(listing.location, listing.pattern, matching))

    # Splits are looked for among all pictures, and classes below the chosen split.
    splits, root = find_splits(pictures)
    keys = pictures
    notes: tuple[str, ...] = ()
    if splits or listing.split is not None:
        keys, notes = _pick(listing, pictures, splits, root)
    labels, classes = labels_from_folders(keys, root, bool(splits))
    unread = set(matching) - set(pictures)
    return PictureFiles(
        name=listing.name,
        keys=keys,
        storage=listing.storage,
        labels=labels,
        classes=classes,
        notes=notes + describe_unread(sorted(unread)),
        splits=splits,
        measured_on=pictures,  # of all splits, so that each is read under the same range
    )


def _pick(
    listing: Listing, pictures: list[str], splits: tuple[str, ...], root: str
) -> tuple[list[str], tuple[str, ...]]:
    """The pictures of the chosen split, or all, and a note that says which."""
    names = " and ".join(f"{folder}/" for folder in splits)
    if listing.split is None:
        return pictures, (f"'{listing.location}' holds {names}: using all; choose one with split.",)
    folder = pick_split(listing.split, splits, listing.location)
    keys = [key for key in pictures if key.startswith(f"{root}{folder}/")]
    return keys, (f"'{listing.location}' holds {names}: using {folder}/.",)


def _is_hidden(key: str) -> bool:
    # macOS adds a folder __MACOSX with a shadow of each file to the archives that it writes.
    parts = f"/{key}/"
    return "/." in parts or "/__MACOSX/" in parts
