"""Smart crop: square windows of wide or tall pictures that keep the heads, else what stands out,
else the center.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image

from maskwright.data.maps.opencv import measure_saliency
from maskwright.data.maps.originals import Part, Window
from maskwright.data.packing import CHUNK, Progress
from maskwright.data.pixels.decode import AS_STORED, UnreadableImage, Wanted, quiet_pillow
from maskwright.data.pixels.pixel_values import fit_pixels
from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.open import Ranged, Source
from maskwright.data.store.chunks import ChunkedFile
from maskwright.support.environment import cpu_count
from maskwright.support.files import hash_strings

Kept = Literal["whole", "heads", "saliency", "center"]
_LOOK_SIDE = 480
_SALIENCY_SIDE = 128
_WORTH_MOVING = 1.05


class Finder(Protocol):
    """Whatever finds heads or parts of them in a picture."""

    def find(self, pixels: np.ndarray) -> list[Part]: ...


@dataclass(frozen=True)
class Choice:
    """A window of a picture and what it was chosen for; share: how much of the heads' area it
    holds, where heads were found.
    """

    window: Window
    kept: Kept
    share: float | None = None


@dataclass(frozen=True, kw_only=True)
class SmartCrop:
    """How windows are chosen. windows: at most so many of each picture, more than one only for
    heads too far apart for one.
    """

    finders: tuple[Finder, ...] = ()
    windows: int = 1
    saliency: bool = True
    made: str = field(default="")

    def choose(self, pixels: np.ndarray) -> list[Choice]:
        """Choose the windows of a (H, W, 3) uint8 picture."""
        height, width = pixels.shape[:2]
        if height == width:
            return [Choice(Window(0, 0, height, width), "whole")]
        heads = self._heads(pixels)
        if heads:
            return keep_heads((height, width), heads, self.windows)
        center = _place((height, width), abs(height - width) / 2)
        offset = _salient_offset(pixels) if self.saliency else None
        return [
            (
                Choice(center, "center")
                if offset is None
                else Choice(_place((height, width), offset), "saliency")
            )
        ]

    def _heads(self, pixels: np.ndarray) -> list[Part]:
        """What the first finder that finds anything finds, looked for in a shrunken picture."""
        factor = max(1.0, min(pixels.shape[:2]) / _LOOK_SIDE)
        small = _resize(pixels, factor)
        for finder in self.finders:
            found = [part for part in finder.find(small) if part.name == "face"]
            if found:
                return [
                    Part(
                        "head", *(value * factor for value in (one.x, one.y, one.width, one.height))
                    )
                    for one in found
                ]
        return []


def keep_heads(size: tuple[int, int], heads: Sequence[Part], most: int = 1) -> list[Choice]:
    """Place up to `most` square windows so that each holds as much head as it can of those not yet
    held, heads in its middle.
    """
    waiting = list(heads)
    choices: list[Choice] = []
    while waiting and len(choices) < most:
        offset = _best_offset(size, waiting)
        window = _place(size, offset)
        held = [_share_inside(window, head) for head in heads]
        share = sum(part * head.area for part, head in zip(held, heads, strict=True)) / max(
            1e-9, sum(head.area for head in heads)
        )
        choices.append(Choice(window, "heads", round(share, 4)))
        waiting = [head for head in waiting if _share_inside(window, head) < 0.95]
    return choices


def _best_offset(size: tuple[int, int], heads: Sequence[Part]) -> float:
    """Along the longer side: hold the most head area, and of the offsets that do, the one nearest
    to having those heads in the middle.
    """
    side, room = min(size), abs(size[0] - size[1])
    spans = [(head.y, head.height) if size[0] > size[1] else (head.x, head.width) for head in heads]
    tries = np.arange(room + 1, dtype=np.float64)
    inside = np.stack(
        [
            np.clip(np.minimum(tries + side, start + length) - np.maximum(tries, start), 0, None)
            for start, length in spans
        ]
    )
    weights = np.array(
        [head.area / max(1e-9, length) for head, (_, length) in zip(heads, spans, strict=True)]
    )
    held = weights @ inside
    good = held >= held.max() * 0.999
    middle = np.array([start + length / 2 for start, length in spans])
    share = weights[:, None] * inside
    wanted = (share * middle[:, None]).sum(0) / np.maximum(share.sum(0), 1e-9) - side / 2
    return float(tries[np.where(good, np.abs(wanted - tries), np.inf).argmin()])


def _salient_offset(pixels: np.ndarray) -> float | None:
    """The offset along the longer side that holds the most saliency, or None when the center holds
    nearly as much.
    """
    factor = max(1.0, min(pixels.shape[:2]) / _SALIENCY_SIDE)
    saliency = measure_saliency(_resize(pixels, factor))
    along = saliency.sum(1 if saliency.shape[0] > saliency.shape[1] else 0)
    side = min(saliency.shape)
    total = np.concatenate([[0.0], np.cumsum(along)])
    held = total[side:] - total[:-side]
    best, center = int(held.argmax()), (len(held) - 1) // 2
    return best * factor if held[best] > held[center] * _WORTH_MOVING else None


def _place(size: tuple[int, int], offset: float) -> Window:
    side, room = min(size), abs(size[0] - size[1])
    at = min(max(0, round(offset)), room)
    return Window(at, 0, side, side) if size[0] > size[1] else Window(0, at, side, side)


def _share_inside(window: Window, head: Part) -> float:
    across = min(window.left + window.width, head.x + head.width) - max(window.left, head.x)
    down = min(window.top + window.height, head.y + head.height) - max(window.top, head.y)
    return max(0.0, across) * max(0.0, down) / max(1e-9, head.area)


def _resize(pixels: np.ndarray, factor: float) -> np.ndarray:
    if factor == 1:
        return pixels
    size = max(1, round(pixels.shape[1] / factor)), max(1, round(pixels.shape[0] / factor))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


@dataclass(frozen=True)
class Cropped:
    """One window of one picture of a source."""

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
        one = self.windows[index]
        return self.whole.key(one.index) + (f"#{one.number}" if one.number > 1 else "")

    def size(self, index: int) -> tuple[int, int]:
        window = self.windows[index].choice.window
        return window.height, window.width

    def read(self, index: int, wanted: Wanted = AS_STORED) -> np.ndarray:
        """Return one window as (H, W, C) uint8; raises UnreadableImage."""
        one = self.windows[index]
        window = one.choice.window
        pixels = self.whole.read(one.index, Wanted(channels=wanted.channels))
        return fit_pixels(
            pixels[
                window.top : window.top + window.height, window.left : window.left + window.width
            ],
            wanted,
        )


def crop_source(
    source: Source, crop: SmartCrop, work: Path, progress: Progress | None = None
) -> CroppedSource:
    """Choose the windows of every picture of a source; what was chosen is kept in the folder
    `work`, so that a killed run goes on.

    A picture that cannot be read keeps one window, so that packing reports it.
    """
    file = ChunkedFile(
        work,
        "windows.jsonl",
        {"fingerprint": source.fingerprint, "crop": crop.made, "windows": crop.windows},
    )
    with ThreadPoolExecutor(cpu_count()) as pool, quiet_pillow():
        for start, stop in pairwise([*range(file.stop, len(source), CHUNK), len(source)]):
            found = list(
                pool.map(lambda index: _choose_one(source, index, crop), range(start, stop))
            )
            lines = [json.dumps([_format(choice) for choice in choices]) for choices in found]
            file.append("".join(f"{line}\n" for line in lines).encode(), stop, {})
            if progress is not None:
                progress(stop, len(source))
    text = (work / "windows.jsonl").read_text(encoding="utf-8")
    rows = [
        [Choice(Window(*one[:4]), *one[4:]) for one in json.loads(line)]
        for line in text.splitlines()
    ]
    windows = tuple(
        Cropped(index, at + 1, choice)
        for index, row in enumerate(rows)
        for at, choice in enumerate(row)
    )
    return CroppedSource(
        whole=source,
        windows=windows,
        name=source.name,
        fingerprint=hash_strings([source.fingerprint, text]),
        labels=None if source.labels is None else [source.labels[one.index] for one in windows],
        classes=source.classes,
        notes=source.notes,
        splits=source.splits,
    )


def _choose_one(source: Source, index: int, crop: SmartCrop) -> list[Choice]:
    try:
        height, width = source.size(index)
        if height == width or not (crop.finders or crop.saliency):
            center = _place((height, width), abs(height - width) / 2)
            return [Choice(center, "whole" if height == width else "center")]
        return crop.choose(source.read(index, Wanted(channels=3)))
    except UnreadableImage:
        return [Choice(Window(0, 0, 1, 1), "whole")]


def _format(choice: Choice) -> list[Any]:
    window = choice.window
    return [window.top, window.left, window.height, window.width, choice.kept, choice.share]
