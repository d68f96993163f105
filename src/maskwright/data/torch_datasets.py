"""A torch Dataset given from Python as a source of pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image

from maskwright.data.decode import AS_STORED, UnreadableImage, Wanted
from maskwright.data.label_column import number_labels
from maskwright.data.picture_files import slug
from maskwright.data.pixel_values import ValueRange, fit_pixels, measure_range, to_channels_last
from maskwright.support.errors import MaskwrightError

_SAMPLE = 64


@dataclass(frozen=True, eq=False)
class DatasetSource:
    """Pictures of a torch Dataset whose items are a picture, or a tuple that begins with a picture and perhaps an integer label.

    A picture is a PIL image, or an array or tensor (H, W), (C, H, W) or (H, W, C).
    """

    dataset: torch.utils.data.Dataset[Any]
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        return slug(type(self.dataset).__name__)

    def key(self, index: int) -> str:
        return f"item {index}"

    def read(self, index: int, wanted: Wanted = AS_STORED) -> np.ndarray:
        """Return one picture as (H, W, C) uint8; raises UnreadableImage when it is no picture."""
        try:
            return fit_pixels(self._scale.to_bytes(self._array(index)), wanted)
        except UnreadableImage:
            raise
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    def size(self, index: int) -> tuple[int, int]:
        return self.read(index).shape[:2]

    @property
    def labels(self) -> list[int] | None:
        return self._labels_and_classes[0]

    @property
    def classes(self) -> list[str] | None:
        return self._labels_and_classes[1]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the number of items and of up to 64 of them; a Dataset offers nothing cheaper."""
        digest = hashlib.blake2b(f"{self.name}{len(self)}".encode(), digest_size=8)
        for index in self._sample():
            digest.update(np.ascontiguousarray(self._array(index)).data)
        return digest.hexdigest()

    @cached_property
    def _scale(self) -> ValueRange:
        return measure_range(
            [self._array(index) for index in self._sample()], f"the data set {self.name}"
        )

    @cached_property
    def _labels_and_classes(self) -> tuple[list[int] | None, list[str] | None]:
        """Read every item once for its label, if the first has one."""
        first = self.dataset[0]
        if not (
            isinstance(first, (tuple, list))
            and len(first) > 1
            and isinstance(first[1], (int, np.integer))
        ):
            return None, None
        return number_labels([str(int(self.dataset[index][1])) for index in range(len(self))])

    def _sample(self) -> list[int]:
        if not len(self):
            raise MaskwrightError(f"The data set {self.name} is empty.")
        return list(range(0, len(self), max(1, len(self) // _SAMPLE)))

    def _array(self, index: int) -> np.ndarray:
        """The picture of one item as (H, W, C) numbers of any type; raises UnreadableImage when its layout cannot be told."""
        item = self.dataset[index]
        picture = item[0] if isinstance(item, (tuple, list)) else item
        try:
            return self._to_array(picture, index)
        except MaskwrightError:
            raise
        except ValueError as error:
            raise UnreadableImage(self.key(index), str(error)) from error

    def _to_array(self, picture: object, index: int) -> np.ndarray:
        if isinstance(picture, Image.Image):
            pixels = np.asarray(
                picture if picture.mode in ("L", "RGB", "RGBA") else picture.convert("RGB")
            )
            return pixels[:, :, None] if pixels.ndim == 2 else pixels
        if isinstance(picture, torch.Tensor):
            return to_channels_last(picture.detach().cpu().numpy())
        if isinstance(picture, np.ndarray):
            return to_channels_last(picture)
        raise MaskwrightError(
            f"Item {index} of the data set {self.name} holds a {type(picture).__name__}, not a picture, array or tensor."
        )
