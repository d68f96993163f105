"""Pictures that a person names to be filled in, at the model's size.

Files, folders, arrays, or a prepared store with its maps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.data.maps.patch_maps import map_names
from maskwright.data.packing import pack
from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage
from maskwright.data.sources.open import Source, open_together
from maskwright.data.sources.reading import Reading
from maskwright.data.sources.store_source import StoreSource
from maskwright.data.store.splits import spread
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.loading.pictures import eval_batches, reading_for
from maskwright.workflows.loading.views import to_model_size

# More would not fit on a sheet, and decoding thousands for a look takes minutes.
MOST = 256


@dataclass(frozen=True)
class ChosenPictures:
    """Pictures to be filled in.

    names: of the pictures.
    images: (n, C, H, W) uint8 at the model's size.
    priors: (n, N) maps by name.
    skipped: what could not be read, and why.
    whole: the pictures as they are, each (C, h, w) uint8, where they were asked for.
    """

    names: tuple[str, ...]
    images: Tensor
    priors: Mapping[str, Tensor] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    whole: tuple[Tensor, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PictureRequest:
    """What is wanted of pictures beside their pixels at the model's size.

    maps: names of maps that come along when the pictures are a prepared store.
    only_there: those of them that it has.
    keep_whole: also keep the pictures at their own size.
    reading: how files are read (default: under the range of the model's run).
    """

    maps: Sequence[str] = ()
    only_there: bool = False
    keep_whole: bool = False
    reading: Reading | None = None


def choose_pictures(
    images: Any,
    loaded: LoadedModel,
    request: PictureRequest = PictureRequest(),
    reporter: Reporter | None = None,
) -> ChosenPictures:
    """Read at most 256 pictures, evenly spread over all, shrunk and center-cropped."""
    items = [images] if is_array(images) or isinstance(images, (str, Path)) else list(images)
    reading = request.reading or reading_for(loaded.settings)
    sources = open_together([item if is_array(item) else str(item) for item in items], reading)

    # Each note once: sources of one folder tend to say the same.
    if reporter is not None:
        for note in dict.fromkeys(note for source in sources for note in source.notes):
            reporter.say(note)

    # A prepared store can bring maps; anything else is decoded picture by picture.
    if len(sources) == 1 and isinstance(sources[0], StoreSource) and not request.keep_whole:
        available = map_names(sources[0].store)
        names = [name for name in request.maps if name in available or not request.only_there]
        pictures = _from_store(sources[0], loaded, names)
    else:
        pictures = _picture_by_picture(sources, loaded, request.keep_whole)

    if reporter is not None:
        _report(sources, pictures, reporter)
    if not pictures.names:
        why = "; ".join(pictures.skipped[:3]) or "None were given."
        raise MaskwrightError(f"No pictures to reconstruct. {why}")
    return pictures


def _report(sources: Sequence[Source], pictures: ChosenPictures, reporter: Reporter) -> None:
    """Say that there is a selection, and what was skipped."""
    count = sum(len(source) for source in sources)
    if count > MOST:
        reporter.say(f"{MOST} of {count:,} pictures are measured, evenly spread.")
    if pictures.skipped:
        named = "; ".join(pictures.skipped[:5])
        reporter.warn(f"{len(pictures.skipped)} unreadable pictures skipped: {named}")


def is_array(images: Any) -> bool:
    """Whether pictures come as numbers in memory."""
    return isinstance(images, (np.ndarray, Tensor))


def _from_store(source: StoreSource, loaded: LoadedModel, maps: Sequence[str]) -> ChosenPictures:
    """Pictures of a prepared store, with its maps."""
    config = loaded.model.config
    packed = pack(source, short_side=max(config.image_size), channels=config.channels)
    # Rows of the store that are shown.
    some = packed.subset(spread(len(packed), MOST))
    batch = next(eval_batches(some, config.image_size, len(some), maps, loaded.model.grid))
    names = tuple(Path(some.keys[row]).name for row in range(len(some)))
    return ChosenPictures(names, batch.images, batch.priors)


def _picture_by_picture(
    sources: Iterable[Any], loaded: LoadedModel, keep_whole: bool
) -> ChosenPictures:
    """Pictures decoded from their sources; unreadable ones are listed."""
    config = loaded.model.config
    names: list[str] = []
    fitted: list[Tensor] = []
    whole: list[Tensor] = []
    skipped: list[str] = []
    # All pictures of all sources in one list, so that the selection is even.
    every = [(source, index) for source in sources for index in range(len(source))]
    for number in spread(len(every), MOST):
        source, index = every[number]
        try:
            picture = read_whole(source, index, config.channels)
        except UnreadableImage as error:
            skipped.append(f"{error.key} ({error.reason})")
            continue
        names.append(Path(source.key(index)).name)
        fitted.append(to_model_size(picture, config.image_size))
        if keep_whole:
            whole.append(picture)

    stacked = torch.zeros(0, config.channels, *config.image_size, dtype=torch.uint8)
    if fitted:
        stacked = torch.stack(fitted)
    return ChosenPictures(tuple(names), stacked, {}, tuple(skipped), tuple(whole))


def read_whole(source: Source, index: int, channels: int) -> Tensor:
    """A picture as it is stored, (C, h, w) uint8; raises UnreadableImage."""
    pixels = source.read(index, DecodeOptions(channels=channels))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)  # (h, w, C) -> (C, h, w)
