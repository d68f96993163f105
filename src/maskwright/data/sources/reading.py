"""How files are read: what means black and white, and whether every page is a picture."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from maskwright.data.pixels.decode import quiet_pillow
from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.file_sample import (
    count_pages,
    describe_sample,
    measure_ranges,
    sample_files,
)
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


AS_FOUND: Reading = Reading()


def read_as(source: PictureFiles, reading: Reading) -> PictureFiles:
    """The same files read that way.

    One range holds for all of them, measured over all splits of their place. The fingerprint
    follows the range, so that a store of other pixels is not taken for these. Raises
    MaskwrightError for values that fit no usual range.
    """
    # The look serves twice: it measures, and it tells people what their files hold.
    files = sample_files(source.measured_on or source.keys, source.read_bytes)
    stated = reading.ranges
    ranges = measure_ranges(files, stated, f"the files of '{source.name}'")
    all_pages = reading.pages == "all"
    notes = describe_sample(files, ranges, stated, all_pages=all_pages)
    is_deep = any(file.kind for file in files)
    source = replace(source, values=ranges, is_deep=is_deep, notes=source.notes + notes)
    return _with_all_pages(source) if all_pages else source


def _with_all_pages(source: PictureFiles) -> PictureFiles:
    """A picture for every page of every file; names hold #page2, #page3 ... before the ending."""
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        counts = list(pool.map(lambda key: count_pages(key, source.read_bytes), source.keys))
    pages = list(chain.from_iterable(range(count) for count in counts))
    if len(pages) == len(counts):
        return source
    # The index of the file that each page is in: a file of three pages stands there three times.
    file_of = np.repeat(np.arange(len(counts)), counts).tolist()
    files = [source.keys[index] for index in file_of]
    labels = source.labels
    note = (
        f"{len(pages):,} pages of {len(counts):,} files are read, each as a picture; all pages of a"
        " file stay in one part of a split."
    )
    return replace(
        source,
        keys=[_page_key(file, page) for file, page in zip(files, pages, strict=True)],
        files=files,
        pages=pages,
        labels=None if labels is None else [labels[index] for index in file_of],
        notes=(*source.notes, note),
        sizes=None,  # pages of one file may differ
    )


def _page_key(key: str, page: int) -> str:
    if page == 0:
        return key  # the first page goes by the name of its file
    path = PurePosixPath(key)
    return str(path.with_name(f"{path.stem}#page{page + 1}{path.suffix}"))
