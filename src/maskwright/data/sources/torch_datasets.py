"""A torch Dataset given from Python as a source of pictures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image

from maskwright.data.pixels.decode import AS_STORED, DecodeOptions, UnreadableImage
from maskwright.data.pixels.deep_pixels import is_deep
from maskwright.data.pixels.pixel_values import fit_pixels, to_channels_last
from maskwright.data.pixels.value_range import (
    UNKNOWN,
    ValueRange,
    ValueRanges,
    kind_of,
    measure_range,
)
from maskwright.data.sources.file_names import slug
from maskwright.data.sources.identity import hash_rows, identity_of
from maskwright.data.sources.label_column import number_labels
from maskwright.data.sources.source_kind import SourceKind
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError

_SAMPLE = 64  # items that a range is measured on
_TWICE = 8  # items that are read twice, to see whether they change
_PLAIN = frozenset({np.dtype(np.uint8), np.dtype(np.bool_)})


@dataclass(frozen=True, eq=False)
class DatasetSource:
    """Pictures of a torch Dataset.

    An item is a picture, or a tuple of a picture and perhaps an integer label. A picture is a PIL
    image, or an array or tensor (H, W), (C, H, W) or (H, W, C).

    A Dataset may have an attribute `fingerprint`, a text that its owner changes whenever its
    pictures change. It then stands for them, and they are not read to know them again.

    dataset: the Dataset.
    splits: the splits that can be chosen; none.
    stated: what means black and white in values of other than 8 bits; measured over 64 items where
        it is unknown.
    """

    dataset: torch.utils.data.Dataset[Any]
    splits: tuple[str, ...] = ()
    stated: ValueRanges = UNKNOWN

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        return slug(type(self.dataset).__name__)

    def key(self, index: int) -> str:
        return f"item {index}"

    def read(self, index: int, options: DecodeOptions = AS_STORED) -> np.ndarray:
        """Return one picture as (H, W, C) uint8; raises UnreadableImage when it is no picture."""
        try:
            array = self._array(index)
            return fit_pixels(self._scale_of(array.dtype).to_bytes(array), options)
        except UnreadableImage:
            raise
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    def size(self, index: int) -> tuple[int, int]:
        return self.read(index).shape[:2]  # an item has no header to read it from

    @property
    def labels(self) -> list[int] | None:
        return self._labels_and_classes[0]

    @property
    def classes(self) -> list[str] | None:
        return self._labels_and_classes[1]

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of a Dataset whose pictures are drawn by chance."""
        if not self.changes:
            return ()
        if self._given_key is not None:
            identity = "its fingerprint stands for them all"
        else:
            identity = (
                "so neither --resume nor the cache can know them again; give the Dataset an"
                " attribute fingerprint = 'NAME' that you change when its pictures change, or leave"
                " random transforms to maskwright"
            )
        note = (
            f"The data set {self.name} gives other pictures each time it is asked: one draw of"
            f" each is kept, and {identity}."
        )
        return (note,)

    @cached_property
    def fingerprint(self) -> str:
        """The identity of all items and labels; every item is read.

        Where the owner gave a key, it stands for the items.
        """
        if self._given_key is None:
            contents = [content for content, _ in self._items]
        else:
            contents = [f"key {self._given_key}", str(len(self))]
        return identity_of([self.name, str(self.stated), *contents], self.labels, self.classes)

    @cached_property
    def _given_key(self) -> str | None:
        key = getattr(self.dataset, "fingerprint", None)
        if key is not None and (not isinstance(key, str) or not key):
            raise MaskwrightError(
                f"The attribute fingerprint of the data set {self.name} is a text that names its"
                f" pictures; got {key!r}."
            )
        return key

    @cached_property
    def changes(self) -> bool:
        """Whether items come out otherwise when they are read a second time; a few are tried."""
        step = max(1, _SAMPLE // _TWICE)
        indexes = self._sample()[::step]
        return any(self._read_item(index) != self._read_item(index) for index in indexes)

    @cached_property
    def _items(self) -> list[tuple[str, int | None]]:
        """A hash of each picture, or why it is none, with its label.

        Every item is read once, on all cores as packing does it.
        """
        with ThreadPoolExecutor(cpu_count()) as pool:
            return list(pool.map(self._read_item, range(len(self))))

    def _read_item(self, index: int) -> tuple[str, int | None]:
        item = self.dataset[index]
        try:
            content = hash_rows(self._to_picture(item, index)[None])  # a batch of one
        except UnreadableImage as error:
            content = str(error)
        return content, _label_of(item)

    @cached_property
    def ranges(self) -> ValueRanges:
        """What means black and white, as other data can state it; unknown for 8-bit values."""
        dtypes = {self._array(index).dtype for index in self._sample()} - _PLAIN
        measured = {kind_of(dtype): self._scale_of(dtype) for dtype in dtypes}
        return ValueRanges(**measured)

    def _scale_of(self, dtype: np.dtype) -> ValueRange:
        # Items of several types share one measured range, so that brightness stays comparable.
        if dtype in _PLAIN:
            return self._scale
        return getattr(self.stated, kind_of(dtype)) or self._scale

    @cached_property
    def _scale(self) -> ValueRange:
        return measure_range(
            [self._array(index) for index in self._sample()], f"the data set {self.name}"
        )

    @cached_property
    def _labels_and_classes(self) -> tuple[list[int] | None, list[str] | None]:
        """The label of every item, if the first has one."""
        if not len(self) or _label_of(self.dataset[0]) is None:
            return None, None
        # Labels come with the items, so all are read once.
        labels = [label for _, label in self._items]
        if None in labels:
            raise MaskwrightError(
                f"Item {labels.index(None)} of the data set {self.name} has no label, but the first"
                " has one; give all or none."
            )
        return number_labels([str(label) for label in labels])

    def _sample(self) -> list[int]:
        if not len(self):
            raise MaskwrightError(f"The data set {self.name} is empty.")
        return list(range(0, len(self), max(1, len(self) // _SAMPLE)))

    def _array(self, index: int) -> np.ndarray:
        return self._to_picture(self.dataset[index], index)

    def _to_picture(self, item: object, index: int) -> np.ndarray:
        """The picture of one item as (H, W, C) numbers of any type.

        Raises UnreadableImage when its layout is ambiguous.
        """
        picture = item[0] if isinstance(item, (tuple, list)) else item
        try:
            return self._to_array(picture, index)
        except MaskwrightError:
            raise  # what is no picture at all is an error of the whole data set
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    def _to_array(self, picture: object, index: int) -> np.ndarray:
        if isinstance(picture, Image.Image):
            pixels = np.asarray(_plain_mode(picture))
            return pixels[:, :, None] if pixels.ndim == 2 else pixels
        if isinstance(picture, torch.Tensor):
            return to_channels_last(picture.detach().cpu().numpy())
        if isinstance(picture, np.ndarray):
            return to_channels_last(picture)
        raise MaskwrightError(
            f"Item {index} of the data set {self.name} holds a {type(picture).__name__}, not a"
            " picture, array or tensor."
        )


def _label_of(item: object) -> int | None:
    """The second entry of an item, where it is a class number."""
    if not isinstance(item, (tuple, list)) or len(item) < 2:
        return None
    label = item[1]
    return int(label) if isinstance(label, (int, np.integer)) else None


def _plain_mode(picture: Image.Image) -> Image.Image:
    """A picture whose array means what it shows.

    Deep values stay as they are, no transparency is lost, palettes and CMYK become colors.
    """
    if picture.mode in ("L", "RGB", "RGBA") or is_deep(picture):
        return picture
    if picture.mode == "1":  # one bit a pixel
        return picture.convert("L")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


TORCH_DATASET = SourceKind(
    name="torch Dataset",
    noun="a torch Dataset",
    takes=torch.utils.data.Dataset,
    open=lambda dataset, options: DatasetSource(dataset, stated=options.ranges),
)
