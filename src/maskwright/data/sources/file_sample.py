"""A look at some files of a source before any is used: values of more than 8 bits, pages,
transparency, printer's colors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from maskwright.data.pixels.decode import UnreadableImage, open_page, quiet_pillow
from maskwright.data.pixels.deep_pixels import is_deep, read_deep
from maskwright.data.pixels.tiff_errors import tiff_complaints
from maskwright.data.pixels.value_range import Kind, ValueRange, ValueRanges, fit_range, kind_of
from maskwright.support.environment import cpu_count
from maskwright.support.seeding import derive_seed

_OF_EACH_ENDING = 64
PAGED = frozenset({"tif", "tiff", "gif", "webp", "png", "apng", "avif"})
"""Endings of files that may hold several pictures that are meant to be seen; other frames of a JPEG
are previews and depth maps.
"""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one file holds. kind: of values that a range is needed for, None for 8 bits; low and
    high: the least and the largest of them.
    """

    kind: Kind | None = None
    low: float = 0
    high: float = 0
    pages: int = 1
    transparent: bool = False
    cmyk: bool = False


def look_at(keys: Sequence[str], read: Callable[[str], bytes]) -> list[Look]:
    """Look at up to 64 files of each ending, spread over all, on all cores; files that cannot be
    read are reported when they are used.
    """
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        looks = pool.map(lambda key: _look(key, read), sample_keys(keys))
        return [look for look in looks if look is not None]


def sample_keys(keys: Sequence[str]) -> list[str]:
    """Up to 64 keys of each ending: one, drawn by a fixed seed, out of each of 64 equal stretches
    of them.
    """
    by_ending: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_ending[_ending(key)].append(key)
    chosen: list[str] = []
    for ending, some in sorted(by_ending.items()):
        rng = np.random.default_rng(derive_seed(0, "files looked at", ending))
        bounds = np.linspace(0, len(some), min(_OF_EACH_ENDING, len(some)) + 1).astype(int)
        chosen += [some[at] for at in rng.integers(bounds[:-1], bounds[1:])]
    return chosen


def count_pages(key: str, read: Callable[[str], bytes]) -> int:
    """How many pages or frames a file has; 1 for a file that cannot be read, which is reported when
    it is used.
    """
    if _ending(key) not in PAGED:
        return 1
    try:
        with tiff_complaints(), open_page(read(key)) as opened:
            return int(getattr(opened, "n_frames", 1))
    except Exception:  # Pillow's plugins raise almost anything on damaged files
        return 1


def measure_ranges(looks: Iterable[Look], stated: ValueRanges, name: str) -> ValueRanges:
    """The stated ranges, and one for the values of each kind that was seen and not stated; raises
    MaskwrightError as `fit_range` does.
    """
    seen = [look for look in looks if look.kind is not None]
    found: dict[str, ValueRange] = {}
    for kind in ("integers", "floats"):
        some = [look for look in seen if look.kind == kind]
        if some and getattr(stated, kind) is None:
            low, high = min(look.low for look in some), max(look.high for look in some)
            found[kind] = fit_range(low, high, "integers" if kind == "integers" else "floats", name)
    return stated.filled_by(ValueRanges(**found))


def describe_looks(
    looks: Sequence[Look], ranges: ValueRanges, stated: ValueRanges, *, all_pages: bool
) -> tuple[str, ...]:
    """Sentences for people about what is scaled, changed or left out."""
    count = f"of the {len(looks):,} files looked at"
    notes = [
        _range_note([look for look in looks if look.kind == kind], kind, ranges, stated, count)
        for kind in ("integers", "floats")
    ]
    if stated and not any(look.kind for look in looks):
        notes.append(
            f"The value range {stated} has no effect on the {len(looks):,} files looked at: they"
            " hold 8-bit values, which stay as they are."
        )
    paged = [look.pages for look in looks if look.pages > 1]
    if paged and not all_pages:
        notes.append(
            f"{len(paged):,} {count} hold more than one page or frame (up to {max(paged):,}) and"
            " only the first is read; --pages all reads each as a picture."
        )
    if transparent := sum(look.transparent for look in looks):
        notes.append(
            f"{transparent:,} {count} are transparent in places, which count as white unless 4"
            " channels are asked for."
        )
    if cmyk := sum(look.cmyk for look in looks):
        notes.append(f"{cmyk:,} {count} are in CMYK; they become RGB without their color profiles.")
    return tuple(note for note in notes if note)


def _range_note(
    some: Sequence[Look], kind: str, ranges: ValueRanges, stated: ValueRanges, count: str
) -> str:
    found: ValueRange | None = getattr(ranges, kind)
    if not some or found is None:
        return ""
    low, high = min(look.low for look in some), max(look.high for look in some)
    words = "whole numbers of other than 8 bits" if kind == "integers" else "floats"
    is_stated = getattr(stated, kind) is not None
    why = "as stated" if is_stated else "for all files; --value-range LOW,HIGH states another range"
    beyond = ", values beyond are cut off" if found.clip else ""
    return (
        f"{len(some):,} {count} hold {words}, from {low:g} to {high:g}: {found.low:g} is read as"
        f" black and {found.high:g} as white, in 256 levels{beyond} ({why})."
    )


def _look(key: str, read: Callable[[str], bytes]) -> Look | None:
    try:
        data = read(key)
        if _ending(key) == "npy":
            return _look_at_values(np.load(BytesIO(data), allow_pickle=False))
        with tiff_complaints(), open_page(data) as opened:
            pages = int(getattr(opened, "n_frames", 1)) if _ending(key) in PAGED else 1
            transparent, cmyk = opened.has_transparency_data, opened.mode == "CMYK"
            values = _values_of(opened, data)
    except UnreadableImage:
        return None
    except Exception:  # Pillow's plugins raise almost anything on damaged files
        return None
    look = Look() if values is None else _look_at_values(values)
    return Look(**{**vars(look), "pages": pages, "transparent": transparent, "cmyk": cmyk})


def _values_of(opened: Image.Image, data: bytes) -> np.ndarray | None:
    """The values of a picture that a range is needed for; counting pages has moved nothing, so
    `opened` stands at the first.
    """
    return read_deep(opened, lambda: open_page(data)).values if is_deep(opened) else None


def _look_at_values(values: np.ndarray) -> Look:
    """Least and largest value; raises ValueError for what is no picture, so that it
    does not count.
    """
    if values.dtype in (np.uint8, np.bool_):
        return Look()
    kind = kind_of(values.dtype)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise ValueError("it holds values that are not finite")
    return Look(kind=kind, low=low, high=high)


def _ending(key: str) -> str:
    return PurePosixPath(key).suffix[1:].lower()
