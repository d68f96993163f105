"""The pictures that the studio shows, by ids: those of the data, and those that people bring."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.data.pixels.decode import (
    DecodeOptions,
    UnreadableImage,
    decode_picture,
    open_page,
    picture_size,
    quiet_pillow,
)
from maskwright.data.pixels.pixel_values import fit_pixels
from maskwright.data.sources.folder import FolderStorage
from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.models.config import ModelConfig
from maskwright.patches import Grid
from maskwright.studio.folders import is_inside
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.live.maps import read_maps
from maskwright.workflows.loading.views import to_model_size

# Of uploads. Pillow knows others, and reads some of them (EPS) by starting another program.
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
# Uploads are kept at this size: twice that of the largest usual model.
KEPT_SIDE = 1024
# All uploads together; the oldest make room.
MOST_UPLOAD_BYTES = 192_000_000
# What is shown where no data are named: pictures that are rendered here.
SAMPLES = ("shapes-textures:n=24",)
# Pictures of a few kilobytes each at a model's size.
MOST_FITTED = 64


@dataclass(frozen=True)
class Upload:
    """A picture that somebody brought.

    name: of its file.
    pixels: (h, w, C) uint8, shrunk to 1024 pixels.
    note: a sentence on what of the file is shown, or nothing.
    """

    name: str
    pixels: np.ndarray
    note: str = ""


class Pictures:
    """Pictures by id: `d0-17` is number 17 of the first data, `u...` was brought by somebody."""

    def __init__(self, data: Sequence[str], megapixels: int) -> None:
        """Open the data; raises MaskwrightError where there is none."""
        self.sources: list[Source] = [open_source(place) for place in data or SAMPLES]
        self.megapixels = megapixels
        self._uploads: OrderedDict[str, Upload] = OrderedDict()
        self._fitted: OrderedDict[tuple[Any, ...], Tensor] = OrderedDict()
        self._lock = threading.Lock()
        # One large picture is decoded at a time, so that memory has a bound.
        self._decoding = threading.Lock()

    def __len__(self) -> int:
        return sum(len(source) for source in self.sources)

    def listed(self, start: int, count: int) -> list[dict[str, str]]:
        """Ids and names of pictures of the data, `count` from `start` on."""
        found: list[dict[str, str]] = []
        first = 0
        for number, source in enumerate(self.sources):
            for index in range(max(0, start - first), min(len(source), start + count - first)):
                found.append({"id": f"d{number}-{index}", "name": Path(source.key(index)).name})
            first += len(source)
        return found

    def name(self, picture: str) -> str:
        """The file name of a picture."""
        if picture.startswith("u"):
            return self._upload(picture).name
        source, index = self._find(picture)
        return Path(source.key(index)).name

    def place(self, picture: str) -> str | None:
        """Where `maskwright reconstruct` finds the same pixels; None where it needs a copy."""
        if picture.startswith("u"):
            return None
        source, index = self._find(picture)
        # Deep values are read under a range of all pictures: a file alone would have another.
        if not isinstance(source, PictureFiles) or source.is_deep:
            return None
        storage = source.storage
        return (
            str(storage.root / source.keys[index]) if isinstance(storage, FolderStorage) else None
        )

    def fitted(self, picture: str, config: ModelConfig) -> Tensor:
        """(C, H, W) uint8 at a model's size, shrunk and center-cropped.

        Raises MaskwrightError for an unknown id and a file that cannot be read.
        """
        key = (picture, config.image_size, config.channels)
        with self._lock:
            if key in self._fitted:
                self._fitted.move_to_end(key)
                return self._fitted[key]
        pixels = self.pixels(picture, DecodeOptions(channels=config.channels))
        fitted = to_model_size(torch.from_numpy(pixels.copy()).permute(2, 0, 1), config.image_size)
        with self._lock:
            self._fitted[key] = fitted
            while len(self._fitted) > MOST_FITTED:
                self._fitted.popitem(last=False)
        return fitted

    def maps(self, picture: str, grid: Grid) -> dict[str, Tensor]:
        """The (1, N) maps of a picture by name, where a prepared store holds any."""
        if picture.startswith("u"):
            return {}
        source, index = self._find(picture)
        return read_maps(source, index, grid)

    def pixels(self, picture: str, options: DecodeOptions) -> np.ndarray:
        """(h, w, C) uint8 of one picture."""
        if picture.startswith("u"):
            return fit_pixels(self._upload(picture).pixels, options)
        source, index = self._find(picture)
        with self._decoding, quiet_pillow():
            return source.read(index, options)

    def add(self, data: bytes, name: str) -> str:
        """Keep a picture that somebody brought; returns its id.

        Raises MaskwrightError for what is no picture or has too many pixels.
        """
        name = Path(name.replace("\\", "/")).name[:120] or "picture"
        with self._decoding, quiet_pillow():
            _refuse_format(data, name)
            height, width = picture_size(data, name)
            if height * width > self.megapixels * 1_000_000:
                raise MaskwrightError(
                    f"'{name}' has {height * width / 1e6:,.0f} million pixels ({width}x{height});"
                    f" the studio takes at most {self.megapixels} million. Shrink it first."
                )
            pixels = decode_picture(data, name, DecodeOptions(short_side=KEPT_SIDE))
            upload = Upload(name, pixels, _note(data, name))
        picture = "u" + hashlib.sha256(data).hexdigest()[:16]
        with self._lock:
            self._uploads[picture] = upload
            self._uploads.move_to_end(picture)
            self._make_room()
        return picture

    def note(self, picture: str) -> str:
        """A sentence on what of a file is shown, or nothing."""
        return self._upload(picture).note if picture.startswith("u") else ""

    def _make_room(self) -> None:
        """Drop the oldest uploads; the newest always stays."""
        total = sum(upload.pixels.nbytes for upload in self._uploads.values())
        while total > MOST_UPLOAD_BYTES and len(self._uploads) > 1:
            _, oldest = self._uploads.popitem(last=False)
            total -= oldest.pixels.nbytes

    def _upload(self, picture: str) -> Upload:
        with self._lock:
            if picture not in self._uploads:
                raise MaskwrightError("The studio no longer has this picture; drop it again.")
            return self._uploads[picture]

    def _find(self, picture: str) -> tuple[Source, int]:
        """The source and the index behind an id."""
        number, _, index = picture.removeprefix("d").partition("-")
        known = number.isdecimal() and index.isdecimal() and int(number) < len(self.sources)
        if not known or int(index) >= len(self.sources[int(number)]):
            raise MaskwrightError("There is no such picture in the data of this studio.")
        source = self.sources[int(number)]
        _refuse_way_out(source, int(index))
        return source, int(index)


def _refuse_way_out(source: Source, index: int) -> None:
    """Raise MaskwrightError for a link among the pictures that leads out of their folder."""
    storage = source.storage if isinstance(source, PictureFiles) else None
    if isinstance(storage, FolderStorage) and not is_inside(
        storage.root / source.key(index), storage.root
    ):
        raise MaskwrightError(
            f"'{source.key(index)}' is a link that leads out of the data's folder; name the folder"
            " that it leads to with --data too."
        )


def _refuse_format(data: bytes, name: str) -> None:
    """Raise MaskwrightError for what is none of the usual formats, from the header alone."""
    try:
        with open_page(data) as opened:
            kind = opened.format
    except Exception:  # what cannot be opened at all is reported by the decoder
        return
    if kind not in FORMATS:
        raise UnreadableImage(
            name, f"the studio takes {', '.join(FORMATS[:-1])} and {FORMATS[-1]}, no {kind}"
        )


def _note(data: bytes, name: str) -> str:
    with open_page(data) as opened:
        frames = int(getattr(opened, "n_frames", 1))
    return f"'{name}' has {frames} frames; the first is shown." if frames > 1 else ""
