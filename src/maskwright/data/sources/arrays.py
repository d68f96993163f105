"""Pictures that are the rows of one array: a NumPy array or a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from maskwright.data.pixels.decode import AS_STORED, DecodeOptions, UnreadableImage
from maskwright.data.pixels.pixel_values import channels_come_last, fit_pixels
from maskwright.data.pixels.value_range import (
    UNKNOWN,
    ValueRange,
    ValueRanges,
    kind_of,
    measure_range,
)
from maskwright.data.sources.file_names import slug
from maskwright.data.sources.identity import State, cached_stamps, hash_rows, identity_of
from maskwright.data.sources.label_column import number_labels
from maskwright.data.sources.source_kind import OpenOptions, SourceKind
from maskwright.support.errors import MaskwrightError

_RANGE_SAMPLE = 2048  # rows, spread evenly; reading all of a large file would take minutes


@dataclass(frozen=True)
class ArrayLocation:
    """Where an array was read from.

    path: the file.
    state: of the file when it was opened; None if it was not there.
    name: of the array in the file; empty where the file is one array.
    """

    path: Path
    state: State | None
    name: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class ArraySource:
    """A source of pictures that are rows of one array.

    name: a short name fit for a folder.
    images: (N, H, W, C), perhaps memory-mapped.
    scale: the values that mean black and white; others than uint8 are scaled to bytes.
    location: the file, if it is in one: a large file that is known need not be hashed again.
    labels: (N,) class numbers, or None.
    classes: the name of each class, or None.
    notes: sentences for people about how the array was read.
    splits: the splits that can be chosen.
    """

    name: str
    images: np.ndarray
    scale: ValueRange
    location: ArrayLocation | None = None
    labels: list[int] | None = None
    classes: list[str] | None = None
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def fingerprint(self) -> str:
        """The identity of all rows and labels.

        The first call reads every byte of an array that is not yet known.
        """
        if self.location is None:
            content = hash_rows(self.images)
        else:
            # The state is that of the opening: what the file becomes later is not what was read.
            location = self.location
            [content] = cached_stamps(
                location.path,
                [location.name],
                lambda _: location.state,
                lambda _: hash_rows(self.images),
            )
        # The same numbers under another range are other pictures.
        scale = f"{self.scale}, cut" if self.scale.clip else str(self.scale)
        return identity_of([content, scale], self.labels, self.classes)

    def key(self, index: int) -> str:
        return f"row {index}"

    def read(self, index: int, options: DecodeOptions = AS_STORED) -> np.ndarray:
        """Return one picture as (H, W, C) uint8.

        Raises UnreadableImage when its values fall outside the range of the others.
        """
        try:
            return fit_pixels(self.scale.to_bytes(self.images[index]), options)
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    @property
    def ranges(self) -> ValueRanges:
        """What means black and white, as other data can state it; unknown for 8-bit values."""
        if self.images.dtype in (np.uint8, np.bool_):
            return UNKNOWN
        return ValueRanges(**{kind_of(self.images.dtype): self.scale})

    def size(self, index: int) -> tuple[int, int]:
        return self.images.shape[1], self.images.shape[2]  # all rows of an array have one size


def build_array_source(
    array: np.ndarray,
    name: str,
    *,
    labels: Sequence[int] | None = None,
    classes: list[str] | None = None,
    location: ArrayLocation | None = None,
    stated: ValueRanges = UNKNOWN,
) -> ArraySource:
    """Make a source of an array (N, H, W), (N, H, W, C) or (N, C, H, W) of any number type.

    name: what messages call them; the source's name is made of it.
    labels: one of any kind for each picture, or None.
    classes: the names of the classes, where labels are class numbers already.
    location: the file that the array was read from, if any.
    stated: what means black and white, measured where it is unknown.

    Raises MaskwrightError for arrays that are no pictures and labels that do not match.
    """
    images = _to_batch_channels_last(array, name)
    scale = _scale_of(images, name, stated)
    # Class names without labels name nothing.
    numbers: list[int] | None = None
    if labels is not None:
        if len(labels) != len(images):
            counts = f"{len(images):,} pictures and {len(labels):,} labels"
            raise MaskwrightError(f"'{name}' has {counts}; there must be one for each.")
        numbers, classes = _number(labels, classes)
    return ArraySource(
        name=slug(name),
        images=images,
        scale=scale,
        location=location,
        labels=numbers,
        classes=None if numbers is None else classes,
        notes=_notes(array, images, scale),
    )


def _to_batch_channels_last(array: np.ndarray, name: str) -> np.ndarray:
    """View an array as (N, H, W, C), or say why its layout is not clear."""
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise MaskwrightError(
            f"'{name}' has shape {array.shape}; pictures are (N, H, W), (N, H, W, C) or (N, C,"
            " H, W)."
        )
    if array.ndim == 3:
        # (N, H, W), unless the last axis is as long as colors are.
        if array.shape[2] in (3, 4):
            raise MaskwrightError(
                f"'{name}' has shape {array.shape}: one color picture? Give it a first axis,"
                " array[None]."
            )
        return array[..., None]
    try:
        is_last = channels_come_last(array.shape[1], array.shape[3])
    except ValueError as error:
        raise MaskwrightError(
            f"'{name}' has shape {array.shape}: {error}, (N, H, W, C)."
        ) from error
    return array if is_last else np.moveaxis(array, 1, 3)  # (N, C, H, W) -> (N, H, W, C)


def _scale_of(images: np.ndarray, name: str, stated: ValueRanges) -> ValueRange:
    """The range stated for values of this kind, or measured over rows spread over the array."""
    is_plain = images.dtype in (np.uint8, np.bool_)
    is_number = images.dtype.kind in "uif"
    if is_number and not is_plain:
        stated_range: ValueRange | None = getattr(stated, kind_of(images.dtype))
        if stated_range is not None:
            return stated_range
    # Plain types have one range, and what is no number is refused there.
    step = max(1, len(images) // _RANGE_SAMPLE)
    return measure_range([images[::step]], f"'{name}'")


def _number(labels: Sequence[int | str], classes: list[str] | None) -> tuple[list[int], list[str]]:
    """Class numbers and the names of the classes; labels are numbered where no names are given."""
    if classes is not None:
        return [int(label) for label in labels], classes
    return number_labels([str(label) for label in labels])


def _notes(array: np.ndarray, images: np.ndarray, scale: ValueRange) -> tuple[str, ...]:
    """What people should know of how an array was understood."""
    notes = []
    # Only an array whose channels were moved has another shape.
    if array.ndim == 4 and images.shape != array.shape:
        notes.append(f"The array {array.shape} was read as (N, C, H, W).")
    if array.dtype != np.uint8:
        notes.append(
            f"Its {array.dtype} values were read as {scale} and are stored as bytes (--value-range"
            " LOW,HIGH states another range)."
        )
    return tuple(notes)


def _open_tensor(tensor: torch.Tensor, options: OpenOptions) -> ArraySource:
    return build_array_source(tensor.detach().cpu().numpy(), "tensor", stated=options.ranges)


NUMPY_ARRAY = SourceKind(
    name="NumPy array",
    noun="an array",
    takes=np.ndarray,
    open=lambda array, options: build_array_source(array, "array", stated=options.ranges),
)
TENSOR = SourceKind(name="tensor", noun="a tensor", takes=torch.Tensor, open=_open_tensor)
