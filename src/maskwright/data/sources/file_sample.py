"""A look at some files of a source before any is used.

It finds values of more than 8 bits, pages, transparency and printer's colors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image

from maskwright.data.pixels.decode import open_page, quiet_pillow
from maskwright.data.pixels.deep_pixels import is_deep, read_deep
from maskwright.data.pixels.tiff_errors import tiff_complaints
from maskwright.data.pixels.value_range import (
    KINDS,
    Kind,
    ValueRange,
    ValueRanges,
    fit_range,
    kind_of,
)
from maskwright.data.sources.file_names import extension
from maskwright.support.environment import cpu_count
from maskwright.support.seeding import derive_seed

_OF_EACH_ENDING = 64  # files; a look stays quick however many there are
PAGED = frozenset({"tif", "tiff", "gif", "webp", "png", "apng", "avif"})
"""Endings of files that may hold several pictures that are meant to be seen.

Other frames of a JPEG are previews and depth maps.
"""


@dataclass(frozen=True, kw_only=True)
class SampledFile:
    """What one file holds.

    kind: of the values that a range is needed for; None for 8 bits.
    low: the least of these values.
    high: the largest of these values.
    pages: how many pages or frames there are.
    transparent: whether some pixels are.
    cmyk: whether the colors are a printer's.
    """

    kind: Kind | None = None
    low: float = 0
    high: float = 0
    pages: int = 1
    transparent: bool = False
    cmyk: bool = False


def sample_files(keys: Sequence[str], read: Callable[[str], bytes]) -> list[SampledFile]:
    """Read up to 64 files of each ending, spread over all, on all cores.

    Files that cannot be read are reported when they are used.
    """
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        files = pool.map(lambda key: _read_file(key, read), sample_keys(keys))
        return [file for file in files if file is not None]


def sample_keys(keys: Sequence[str]) -> list[str]:
    """Up to 64 keys of each ending: one, drawn by a fixed seed, of each of 64 equal stretches."""
    by_ending: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_ending[extension(key)].append(key)
    sample: list[str] = []
    for ending, group in sorted(by_ending.items()):
        # Not every n-th: frames of a film or slices of a scan may repeat with a period.
        rng = np.random.default_rng(derive_seed(0, "files looked at", ending))
        stretches = min(_OF_EACH_ENDING, len(group))
        bounds = np.linspace(0, len(group), stretches + 1).astype(int)
        sample += [group[index] for index in rng.integers(bounds[:-1], bounds[1:])]
    return sample


def count_pages(key: str, read: Callable[[str], bytes]) -> int:
    """How many pages or frames a file has; 1 for one that cannot be read, reported when used."""
    if extension(key) not in PAGED:
        return 1
    try:
        with tiff_complaints(), open_page(read(key)) as opened:
            return int(getattr(opened, "n_frames", 1))
    except Exception:  # Pillow's plugins raise almost anything on damaged files
        return 1


def measure_ranges(files: Iterable[SampledFile], stated: ValueRanges, name: str) -> ValueRanges:
    """The stated ranges, and a measured one for each kind of values that is not stated.

    Raises MaskwrightError as `fit_range` does.
    """
    seen = [file for file in files if file.kind is not None]
    measured: dict[str, ValueRange] = {}
    for kind in KINDS:
        # What is stated is not measured, and a kind that was not seen has no range.
        of_kind = [file for file in seen if file.kind == kind]
        if of_kind and getattr(stated, kind) is None:
            low = min(file.low for file in of_kind)
            high = max(file.high for file in of_kind)
            measured[kind] = fit_range(low, high, kind, name)
    return stated.filled_by(ValueRanges(**measured))


def describe_sample(
    files: Sequence[SampledFile], ranges: ValueRanges, stated: ValueRanges, *, all_pages: bool
) -> tuple[str, ...]:
    """Sentences for people about what is scaled, changed or left out.

    files: of a sample.
    ranges: under which the files are read.
    stated: those of them that were stated and not measured.
    all_pages: whether every page is read.
    """
    count = f"of the {len(files):,} files looked at"
    notes = []
    # A note for each kind of values that is scaled.
    for kind in KINDS:
        of_kind = [file for file in files if file.kind == kind]
        value_range: ValueRange | None = getattr(ranges, kind)
        if of_kind and value_range is not None:
            is_stated = getattr(stated, kind) is not None
            notes.append(_range_note(of_kind, value_range, is_stated, count))
    if stated and not any(file.kind for file in files):
        notes.append(
            f"The value range {stated} has no effect on the {len(files):,} files looked at: they"
            " hold 8-bit values, which stay as they are."
        )
    paged = [file.pages for file in files if file.pages > 1]
    if paged and not all_pages:
        notes.append(
            f"{len(paged):,} {count} hold more than one page or frame (up to {max(paged):,}) and"
            " only the first is read; --pages all reads each as a picture."
        )
    if transparent := sum(file.transparent for file in files):
        notes.append(
            f"{transparent:,} {count} are transparent in places, which count as white unless 4"
            " channels are asked for."
        )
    if cmyk := sum(file.cmyk for file in files):
        notes.append(f"{cmyk:,} {count} are in CMYK; they become RGB without their color profiles.")
    return tuple(notes)


def _range_note(
    files: Sequence[SampledFile], value_range: ValueRange, is_stated: bool, count: str
) -> str:
    """A sentence about how values of one kind are read."""
    low = min(file.low for file in files)
    high = max(file.high for file in files)
    words = "floats" if files[0].kind == "floats" else "whole numbers of other than 8 bits"
    reason = "for all files; --value-range LOW,HIGH states another range"
    if is_stated:
        reason = "as stated"
    beyond = ", values beyond are cut off" if value_range.clip else ""
    return (
        f"{len(files):,} {count} hold {words}, from {low:g} to {high:g}: {value_range.low:g} is"
        f" read as black and {value_range.high:g} as white, in 256 levels{beyond} ({reason})."
    )


def _read_file(key: str, read: Callable[[str], bytes]) -> SampledFile | None:
    """Read one file; None when it cannot be read."""
    try:
        data = read(key)
        if extension(key) == "npy":
            return _describe_values(np.load(BytesIO(data), allow_pickle=False))
        with tiff_complaints(), open_page(data) as opened:
            # None of this needs the pixels; only deep values are decoded.
            pages = int(getattr(opened, "n_frames", 1)) if extension(key) in PAGED else 1
            transparent = opened.has_transparency_data
            cmyk = opened.mode == "CMYK"
            values = _values_of(opened, data)
    except Exception:  # Pillow's plugins raise almost anything on damaged files
        return None
    file = SampledFile() if values is None else _describe_values(values)
    return replace(file, pages=pages, transparent=transparent, cmyk=cmyk)


def _values_of(opened: Image.Image, data: bytes) -> np.ndarray | None:
    """The values of a picture that a range is needed for; None for 8 bits."""
    # Counting pages has moved nothing: `opened` still stands at the first.
    return read_deep(opened, lambda: open_page(data)).values if is_deep(opened) else None


def _describe_values(values: np.ndarray) -> SampledFile:
    """Least and largest value; raises ValueError for what is no picture, which does not count."""
    if values.dtype in (np.uint8, np.bool_):
        return SampledFile()
    kind = kind_of(values.dtype)
    low = float(values.min())
    high = float(values.max())
    if not np.isfinite([low, high]).all():
        raise ValueError("it holds values that are not finite")
    return SampledFile(kind=kind, low=low, high=high)
