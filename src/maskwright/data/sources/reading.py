"""How files are read: the values that mean black and white, and whether every page of a file is a
picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from maskwright.data.pixels.decode import quiet_pillow
from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.file_sample import count_pages, describe_looks, look_at, measure_ranges
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.support.checks import check_one_of
from maskwright.support.environment import cpu_count

PAGES = ("first", "all")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How numbers in files become pixels.

    value_range: `LOW,HIGH`, what means black and white in values of other than 8 bits; None
        measures it over a sample of the source.
    pages: the first page or frame of each file, or all of them, each as a picture.
    """

    value_range: str | None = None
    pages: Literal["first", "all"] = "first"

    def __post_init__(self) -> None:
        check_one_of("pages", self.pages, PAGES)
        if self.value_range is not None:
            ValueRanges.parse(self.value_range)

    @property
    def ranges(self) -> ValueRanges:
        """The stated ranges; unknown where they are to be measured."""
        return UNKNOWN if self.value_range is None else ValueRanges.parse(self.value_range)


AS_FOUND = Reading()


def read_as(source: PictureFiles, reading: Reading) -> PictureFiles:
    """The same files read that way: one range for all of them, measured over all splits of their
    place, and perhaps every page.

    The fingerprint follows the range, so that a store of other pixels is not taken for these.
    Raises MaskwrightError for values that fit no usual range.
    """
    looks = look_at(source.measured_on or source.keys, source.read_bytes)
    stated = reading.ranges
    ranges = measure_ranges(looks, stated, f"the files of '{source.name}'")
    all_pages = reading.pages == "all"
    notes = describe_looks(looks, ranges, stated, all_pages=all_pages)
    source = replace(source, values=ranges, notes=source.notes + notes)
    return _with_all_pages(source) if all_pages else source


def _with_all_pages(source: PictureFiles) -> PictureFiles:
    """A picture for every page of every file; their names end in #page2, #page3 ..., before the
    extension.
    """
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        counts = list(pool.map(lambda key: count_pages(key, source.read_bytes), source.keys))
    rows = [(at, page) for at, count in enumerate(counts) for page in range(count)]
    if len(rows) == len(counts):
        return source
    files = [source.keys[at] for at, _ in rows]
    note = (
        f"{len(rows):,} pages of {len(counts):,} files are read, each as a picture; all pages of a"
        " file stay in one part of a split."
    )
    return replace(
        source,
        keys=[_page_key(source.keys[at], page) for at, page in rows],
        files=files,
        pages=[page for _, page in rows],
        labels=None if source.labels is None else _taken(source.labels, rows),
        notes=(*source.notes, note),
        sizes=None,  # pages of one file may differ
    )


def _taken(labels: Sequence[int], rows: Sequence[tuple[int, int]]) -> list[int]:
    return [labels[at] for at, _ in rows]


def _page_key(key: str, page: int) -> str:
    path = PurePosixPath(key)
    return str(path.with_name(f"{path.stem}#page{page + 1}{path.suffix}")) if page else key
