"""A source of windows: the pictures of another source, each cut to its smart crops."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.crop import Choice, SmartCrop, place_window
from maskwright.data.maps.originals import Window
from maskwright.data.packing import CHUNK, Progress
from maskwright.data.pixels.decode import AS_STORED, DecodeOptions, UnreadableImage, quiet_pillow
from maskwright.data.pixels.pixel_values import fit_pixels
from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.open import Ranged, Source
from maskwright.data.store.chunks import ChunkedFile
from maskwright.support.environment import cpu_count
from maskwright.support.files import hash_strings

_FILE = "windows.jsonl"


@dataclass(frozen=True)
class Cropped:
    """One window of one picture of a source.

    index: the picture's place in the source.
    number: counts the windows of the picture from 1.
    choice: the window and its reason.
    """

    index: int
    number: int
    choice: Choice


@dataclass(frozen=True, kw_only=True)
class CroppedSource:
    """A source of windows: each is cut from its picture when it is read."""

    whole: Source
    windows: tuple[Cropped, ...]
    name: str
    fingerprint: str
    labels: list[int] | None
    classes: list[str] | None
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def ranges(self) -> ValueRanges:
        """What means black and white in the pictures that the windows are of."""
        return self.whole.ranges if isinstance(self.whole, Ranged) else UNKNOWN

    def key(self, index: int) -> str:
        """The picture's name, with #2, #3 ... for further windows of it."""
        crop = self.windows[index]
        suffix = f"#{crop.number}" if crop.number > 1 else ""
        return self.whole.key(crop.index) + suffix

    def size(self, index: int) -> tuple[int, int]:
        window = self.windows[index].choice.window
        return window.height, window.width

    def read(self, index: int, options: DecodeOptions = AS_STORED) -> np.ndarray:
        """Return one window as (H, W, C) uint8; raises UnreadableImage."""
        crop = self.windows[index]
        window = crop.choice.window
        # The whole picture at its full size first: windows are measured in its pixels.
        pixels = self.whole.read(crop.index, DecodeOptions(channels=options.channels))
        rows = slice(window.top, window.top + window.height)
        cols = slice(window.left, window.left + window.width)
        return fit_pixels(pixels[rows, cols], options)


def crop_source(
    source: Source, crop: SmartCrop, work: Path, progress: Progress | None = None
) -> CroppedSource:
    """Choose the windows of every picture of a source.

    A picture that cannot be read keeps one window, so that packing reports it.

    work: a folder where chosen windows are kept, so that a killed run continues.
    """
    _choose_all(source, crop, work, progress)
    text = (work / _FILE).read_text(encoding="utf-8")
    windows = _parse(text)
    return CroppedSource(
        whole=source,
        windows=windows,
        name=source.name,
        # Other windows are other pictures: a store of them is packed anew.
        fingerprint=hash_strings([source.fingerprint, text]),
        labels=None if source.labels is None else [source.labels[crop.index] for crop in windows],
        classes=source.classes,
        notes=source.notes,
        splits=source.splits,
    )


def _choose_all(source: Source, crop: SmartCrop, work: Path, progress: Progress | None) -> None:
    """Write the windows of each picture as one line of JSON, from where an earlier run stopped."""
    plan = {"fingerprint": source.fingerprint, "crop": crop.made, "windows": crop.windows}
    file = ChunkedFile(work, _FILE, plan)
    with ThreadPoolExecutor(cpu_count()) as pool, quiet_pillow():
        for start, stop in pairwise([*range(file.stop, len(source), CHUNK), len(source)]):
            results = list(pool.map(lambda index: _choose(source, index, crop), range(start, stop)))
            lines = [json.dumps(list(map(_format, choices))) + "\n" for choices in results]
            file.append("".join(lines).encode(), stop, {})
            if progress is not None:
                progress(stop, len(source))


def _parse(text: str) -> tuple[Cropped, ...]:
    """Read the lines that `_choose_all` wrote."""
    windows = []
    for index, line in enumerate(text.splitlines()):
        for number, values in enumerate(json.loads(line), start=1):
            # See `_format`: four numbers of the window, then the reason and the share.
            windows.append(Cropped(index, number, Choice(Window(*values[:4]), *values[4:])))
    return tuple(windows)


def _choose(source: Source, index: int, crop: SmartCrop) -> list[Choice]:
    try:
        height, width = source.size(index)
        # Where nothing is looked for, the header is enough and no pixel is decoded.
        if height == width or not (crop.finders or crop.saliency):
            center = place_window((height, width), abs(height - width) / 2)
            return [Choice(center, "whole" if height == width else "center")]
        return crop.choose(source.read(index, DecodeOptions(channels=3)))
    except UnreadableImage:
        # Packing meets the same error and lists the picture as skipped.
        return [Choice(Window(0, 0, 1, 1), "whole")]


def _format(choice: Choice) -> list[Any]:
    window = choice.window
    return [window.top, window.left, window.height, window.width, choice.kept, choice.share]
