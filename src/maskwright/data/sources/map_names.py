"""Label maps and masks among the pictures, told by their names before they are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from maskwright.data.sources.source import Source

# A few such names are chance; a data set with maps has one for many of its pictures.
_LEAST_SHARE = 0.1
# Larger sets come from programs, and their names would take gigabytes.
_MOST_PICTURES = 1_000_000
_MAP_FOLDERS = frozenset(
    {"mask", "masks", "label", "labels", "labelmaps", "annotation", "annotations", "annot"}
    | {"segmentation", "segmentations", "seg", "gt", "ground_truth", "groundtruth"}
)


def notes_on_maps(source: Source, formats: Counter[str]) -> tuple[str, ...]:
    """At most one sentence: pictures have the names of label maps, and how to leave them out.

    formats: how many there are of each ending.
    """
    if len(source) > _MOST_PICTURES:
        return ()
    keys = [source.key(index) for index in range(len(source))]
    note = _note_on_folders(keys) or _note_on_twins(keys, formats)
    return () if note is None else (note,)


def _note_on_folders(keys: Sequence[str]) -> str | None:
    """Folders beside others whose name says that they hold maps."""
    folders = Counter(key.rpartition("/")[0] for key in keys)
    found = {
        folder: count
        for folder, count in folders.items()
        if not _MAP_FOLDERS.isdisjoint(folder.lower().split("/"))
    }
    inside = sum(found.values())
    # Where all lie in such a folder, it is what was asked for.
    if not _LEAST_SHARE * len(keys) <= inside < len(keys):
        return None
    return (
        f"{inside:,} of the {len(keys):,} pictures lie in '{min(found)}' and the like. If they are"
        " label maps or masks, name the folder of the pictures alone as the data."
    )


def _note_on_twins(keys: Sequence[str], formats: Counter[str]) -> str | None:
    """Names that occur twice in a folder, as house.jpg and house.png."""
    most = [ending for ending, count in formats.items() if count >= _LEAST_SHARE * len(keys)]
    if len(most) < 2:
        return None
    names = Counter(key.rpartition(".")[0] for key in keys)
    twins = sum(count for count in names.values() if count > 1)
    if twins < max(2, _LEAST_SHARE * len(keys)):
        return None
    # Maps are mostly PNG, because JPEG would change their numbers.
    kept = min(most, key=lambda ending: (ending == "png", ending))
    share = "All" if twins == len(keys) else f"{twins:,} of the"
    return (
        f"{share} {len(keys):,} pictures share their name with another of another ending"
        f" ({', '.join(sorted(most))}). If one kind is label maps or masks, take the other alone,"
        f" such as 'DATA/**/*.{kept}'."
    )
