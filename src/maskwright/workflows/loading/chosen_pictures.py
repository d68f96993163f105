"""Pictures that a person names to be filled in: files, folders, arrays or a prepared store with its
maps, at the model's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.data.augment.transforms import evaluation_view
from maskwright.data.maps.patch_maps import map_names
from maskwright.data.packing import pack
from maskwright.data.pixels.decode import UnreadableImage, Wanted
from maskwright.data.sources.open import open_alike
from maskwright.data.sources.reading import Reading
from maskwright.data.sources.store_source import StoreSource
from maskwright.data.store.splits import spread
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.loading.pictures import eval_batches, reading_for

MOST = 256


@dataclass(frozen=True)
class ChosenPictures:
    """Names and (n, C, H, W) uint8 pictures at the model's size, with (n, N) maps by name; skipped:
    what could not be read, and why.

    whole: the pictures as they are, each (C, h, w) uint8, where they were asked for.
    """

    names: tuple[str, ...]
    images: Tensor
    priors: Mapping[str, Tensor] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    whole: tuple[Tensor, ...] = ()


def choose_pictures(
    images: Any,
    loaded: LoadedModel,
    maps: Sequence[str] = (),
    *,
    only_there: bool = False,
    keep_whole: bool = False,
    reading: Reading | None = None,
    reporter: Reporter | None = None,
) -> ChosenPictures:
    """Read at most 256 pictures, evenly spread over all, at the model's size (shrunk and
    center-cropped); unreadable ones are listed.

    maps: names of maps that come along when `images` is a prepared store.
    only_there: those of them that it has.
    keep_whole: also keep the pictures at their own size.
    reading: how files are read (default: under the range of the model's run).
    """
    named = [images] if is_array(images) or isinstance(images, (str, Path)) else list(images)
    reading = reading or reading_for(loaded.settings)
    sources = open_alike([item if is_array(item) else str(item) for item in named], reading)
    for note in dict.fromkeys(note for source in sources for note in source.notes):
        if reporter is not None:
            reporter.say(note)
    if len(sources) == 1 and isinstance(sources[0], StoreSource) and not keep_whole:
        there = map_names(sources[0].store)
        chosen = _from_store(
            sources[0], loaded, [name for name in maps if name in there or not only_there]
        )
    else:
        chosen = _one_by_one(sources, loaded, keep_whole)
    count = sum(len(source) for source in sources)
    if count > MOST and reporter is not None:
        reporter.say(f"{MOST} of {count:,} pictures are measured, evenly spread.")
    if chosen.skipped and reporter is not None:
        reporter.warn(
            f"{len(chosen.skipped)} unreadable pictures skipped: {'; '.join(chosen.skipped[:5])}"
        )
    if not chosen.names:
        raise MaskwrightError(
            f"No pictures to reconstruct. {'; '.join(chosen.skipped[:3]) or 'None were given.'}"
        )
    return chosen


def is_array(images: Any) -> bool:
    """Whether pictures come as numbers in memory."""
    return isinstance(images, (np.ndarray, Tensor))


def to_model_size(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Shrink and center-crop one (C, h, w) uint8 picture."""
    sides = torch.tensor(picture.shape[1:])[:, None]
    return (
        evaluation_view(size)
        .draw(*sides, seed=0, epoch=0, sample_ids=torch.zeros(1, dtype=torch.int64))
        .to_list()[0]
        .apply(picture, size)
    )


def _from_store(source: StoreSource, loaded: LoadedModel, maps: Sequence[str]) -> ChosenPictures:
    config = loaded.model.config
    packed = pack(source, short_side=max(config.image_size), channels=config.channels)
    some = packed.subset(spread(len(packed), MOST))
    grid = loaded.model.grid
    batch = next(eval_batches(some, config.image_size, len(some), maps, (grid.rows, grid.cols)))
    return ChosenPictures(
        tuple(Path(some.keys[row]).name for row in range(len(some))), batch.images, batch.priors
    )


def _one_by_one(sources: Iterable[Any], loaded: LoadedModel, keep_whole: bool) -> ChosenPictures:
    config = loaded.model.config
    names: list[str] = []
    fitted: list[Tensor] = []
    whole: list[Tensor] = []
    skipped: list[str] = []
    every = [(source, index) for source in sources for index in range(len(source))]
    for source, index in (every[number] for number in spread(len(every), MOST)):
        try:
            picture = torch.from_numpy(
                source.read(index, Wanted(channels=config.channels)).copy()
            ).permute(2, 0, 1)
        except UnreadableImage as error:
            skipped.append(f"{error.key} ({error.reason})")
            continue
        names.append(Path(source.key(index)).name)
        fitted.append(to_model_size(picture, config.image_size))
        whole += [picture] if keep_whole else []
    stacked = (
        torch.stack(fitted)
        if fitted
        else torch.zeros(0, config.channels, *config.image_size, dtype=torch.uint8)
    )
    return ChosenPictures(tuple(names), stacked, {}, tuple(skipped), tuple(whole))
