"""Pictures in one array: a .npy or .npz file, a NumPy array or a tensor."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from maskwright.data.pixels.decode import AS_STORED, UnreadableImage, Wanted
from maskwright.data.pixels.pixel_values import channels_come_last, fit_pixels
from maskwright.data.pixels.value_range import (
    UNKNOWN,
    ValueRange,
    ValueRanges,
    kind_of,
    measure_range,
)
from maskwright.data.sources.identity import State, file_state, hash_rows, identity_of, remembered
from maskwright.data.sources.label_column import number_labels
from maskwright.data.sources.picture_files import SPLITS, slug
from maskwright.support.errors import MaskwrightError

_RANGE_SAMPLE = 2048
_IMAGE_NAMES = ("images", "x", "data", "imgs", "pictures")
_LABEL_NAMES = ("labels", "y", "targets", "label", "target")


@dataclass(frozen=True)
class ArrayPlace:
    """Where an array was read from: the file as it was when it was opened, and the array's name in
    it.
    """

    path: Path
    state: State | None
    name: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class ArraySource:
    """A source of pictures that are rows of one array.

    images: (N, H, W, C), perhaps memory-mapped.
    scale: its black and white; formats of values other than uint8 are scaled to bytes.
    place: the file, if it is in one, so that a large file need not be read anew to know it again.
    """

    name: str
    images: np.ndarray
    scale: ValueRange
    place: ArrayPlace | None = None
    labels: list[int] | None = None
    classes: list[str] | None = None
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def fingerprint(self) -> str:
        """The identity of all rows and labels; the first call reads every byte of an array that is
        not yet known.
        """
        if self.place is None:
            content = hash_rows(self.images)
        else:
            path, state = self.place.path, self.place.state
            [content] = remembered(
                path, [self.place.name], lambda _: state, lambda _: hash_rows(self.images)
            )
        return identity_of(
            [content, f"{self.scale}{', cut' if self.scale.clip else ''}"],
            self.labels,
            self.classes,
        )

    def key(self, index: int) -> str:
        return f"row {index}"

    def read(self, index: int, wanted: Wanted = AS_STORED) -> np.ndarray:
        """Return one picture as (H, W, C) uint8; raises UnreadableImage when its values fall
        outside the range of the others.
        """
        try:
            return fit_pixels(self.scale.to_bytes(self.images[index]), wanted)
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    @property
    def ranges(self) -> ValueRanges:
        """What means black and white, as it can be stated for other data; unknown for
        8-bit values.
        """
        if self.images.dtype in (np.uint8, np.bool_):
            return UNKNOWN
        return ValueRanges(**{kind_of(self.images.dtype): self.scale})

    def size(self, index: int) -> tuple[int, int]:
        return self.images.shape[1], self.images.shape[2]


def build_array_source(
    array: np.ndarray,
    name: str,
    *,
    labels: Sequence[int] | None = None,
    classes: list[str] | None = None,
    splits: tuple[str, ...] = (),
    place: ArrayPlace | None = None,
    stated: ValueRanges = UNKNOWN,
) -> ArraySource:
    """Make a source of an array (N, H, W), (N, H, W, C) or (N, C, H, W) of any number type.

    stated: what means black and white, measured where it is unknown.

    Raises MaskwrightError when it is empty, when its layout is ambiguous, when its values have no
    known range or the labels do not match.
    """
    images = _to_batch_channels_last(array, name)
    scale = _scale_of(images, name, stated)
    if labels is not None and len(labels) != len(images):
        raise MaskwrightError(
            f"'{name}' has {len(images):,} pictures and {len(labels):,} labels; there must be one"
            " for each."
        )
    numbers, names = (
        _number(labels)
        if classes is None
        else (None if labels is None else [int(label) for label in labels], classes)
    )
    return ArraySource(
        name=slug(name),
        images=images,
        scale=scale,
        place=place,
        labels=numbers,
        classes=names if numbers is not None else None,
        notes=_notes(array, images, scale),
        splits=splits,
    )


def open_array_file(
    path: Path, *, split: str | None = None, stated: ValueRanges = UNKNOWN
) -> ArraySource:
    """Open a .npy array (memory-mapped) or the arrays of a .npz file (`images`, perhaps `labels`;
    `train_images` with a split).
    """
    state = file_state(path)
    try:
        if path.suffix.lower() == ".npy":
            if split is not None:
                raise MaskwrightError(f"'{path}' is one array and has no split '{split}'.")
            whole = np.lib.format.open_memmap(path, mode="r")
            return build_array_source(
                whole, path.stem, place=ArrayPlace(path, state), stated=stated
            )
        with path.open("rb") as file, np.load(file, allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
        return _open_npz(arrays, path, split, state, stated)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        if isinstance(error, MaskwrightError):
            raise
        raise MaskwrightError(
            f"Cannot read the arrays of '{path}': {error}. Save it with numpy.save or numpy.savez,"
            " without objects."
        ) from error


def _open_npz(
    arrays: Mapping[str, np.ndarray],
    path: Path,
    split: str | None,
    state: State | None,
    stated: ValueRanges,
) -> ArraySource:
    splits = tuple(name for name in SPLITS if _find(arrays, _IMAGE_NAMES, name))
    if split is None and splits:
        split = splits[0]
    names = {name.lower(): name for name in arrays}
    found = _find(arrays, _IMAGE_NAMES, split)
    if found is None and split is None:
        large = [name for name, array in arrays.items() if array.ndim in (3, 4)]
        found = large[0] if len(large) == 1 else None
    if found is None:
        held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        wanted = f"'{split}_images'" if split else "'images'"
        raise MaskwrightError(
            f"'{path}' has no array named {wanted}; it holds {held or 'nothing'}."
        )
    labels = _find(arrays, _LABEL_NAMES, split)
    values = None if labels is None else arrays[names[labels.lower()]].reshape(-1).tolist()
    place = ArrayPlace(path, state, found)
    return build_array_source(
        arrays[found], path.stem, labels=values, splits=splits, place=place, stated=stated
    )


def _find(arrays: Mapping[str, np.ndarray], names: Sequence[str], split: str | None) -> str | None:
    """Find an array called like one of `names`, with the split before or after the name if there is
    one.
    """
    lower = {name.lower(): name for name in arrays}
    wanted = (
        names
        if split is None
        else [form for name in names for form in (f"{split}_{name}", f"{name}_{split}")]
    )
    return next((lower[name] for name in wanted if name in lower), None)


def _to_batch_channels_last(array: np.ndarray, name: str) -> np.ndarray:
    """View an array as (N, H, W, C), or say why its layout cannot be told."""
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise MaskwrightError(
            f"'{name}' has shape {array.shape}; pictures are (N, H, W), (N, H, W, C) or (N, C,"
            " H, W)."
        )
    if array.ndim == 3:
        if array.shape[2] in (3, 4):
            raise MaskwrightError(
                f"'{name}' has shape {array.shape}: one color picture? Give it a first axis,"
                " array[None]."
            )
        return array[..., None]
    try:
        return (
            array
            if channels_come_last(array.shape[1], array.shape[3])
            else np.moveaxis(array, 1, 3)
        )
    except ValueError as error:
        raise MaskwrightError(
            f"'{name}' has shape {array.shape}: {error}, (N, H, W, C)."
        ) from error


def _scale_of(images: np.ndarray, name: str, stated: ValueRanges) -> ValueRange:
    """The range stated for values of this kind, or measured over rows spread over the array; uint8
    and bool need none.
    """
    step = max(1, len(images) // _RANGE_SAMPLE)
    if images.dtype in (np.uint8, np.bool_) or images.dtype.kind not in "uif":
        return measure_range([images[::step]], f"'{name}'")
    return getattr(stated, kind_of(images.dtype)) or measure_range([images[::step]], f"'{name}'")


def _number(labels: Sequence[int | str] | None) -> tuple[list[int] | None, list[str] | None]:
    """Turn any labels into numbers from 0 and the names they stand for, in numeric or alphabetic
    order.
    """
    if labels is None:
        return None, None
    return number_labels([str(label) for label in labels])


def _notes(array: np.ndarray, images: np.ndarray, scale: ValueRange) -> tuple[str, ...]:
    notes = []
    if array.ndim == 4 and images.shape != array.shape:
        notes.append(f"The array {array.shape} was read as (N, C, H, W).")
    if array.dtype != np.uint8:
        notes.append(
            f"Its {array.dtype} values were read as {scale} and are stored as bytes (--value-range"
            " LOW,HIGH states another range)."
        )
    return tuple(notes)
