"""From the words of the data settings to pictures ready to train on: found, decoded once, a part held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.data.loader import AugmentedPictures, Batch, BatchPlan, build_shares
from maskwright.data.packed import PackedStore, split_holdout
from maskwright.data.packing import pack
from maskwright.data.reading import PAGES, Reading
from maskwright.data.sources import Source, open_source
from maskwright.data.store_source import StoreSource
from maskwright.data.streamed import stream
from maskwright.data.survey import Survey, survey
from maskwright.data.transforms import evaluation_view
from maskwright.patches import PixelScale
from maskwright.support.checks import check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.settings import DataSettings, parse_size

MOST_HELD_OUT = 1000
HELD_OUT_SHARE = 0.05
FEWEST_TO_HOLD_OUT_FROM = 160


@dataclass(frozen=True)
class Pictures:
    """The pictures of a run: those trained on, those held out (possibly none), and how their pixels are scaled."""

    train: PackedStore
    held: PackedStore | None
    scale: PixelScale
    size: tuple[int, int]

    @property
    def fixed(self) -> PackedStore:
        """Where fixed pictures for sheets and baselines come from: held out, or trained on when nothing is held out."""
        return self.held if self.held is not None else self.train


def find(settings: DataSettings, source: Any, reporter: Reporter) -> tuple[Source, Survey]:
    """Open the data and say what was found; `source` is an object from Python, or None to open `settings.data`."""
    opened = open_source(
        settings.data if source is None else source,
        split=settings.split,
        labels=settings.labels,
        reading=reading_of(settings),
    )
    found = survey(opened)
    for line in (str(found), *found.notes):
        reporter.say(line)
    return opened, found


def reading_of(settings: DataSettings) -> Reading:
    """How the files of a run are read."""
    return Reading(value_range=settings.value_range, pages=settings.pages)


def reading_for(
    own: Mapping[str, Any], value_range: str | None = None, pages: str | None = None
) -> Reading:
    """How files are read for a model with these settings: as it was trained, so that its inputs mean the same, unless stated."""
    check_one_of("pages", pages or "first", PAGES)
    return Reading(
        value_range=value_range or own.get("value_range"),
        pages="all" if pages == "all" else "first",
    )


def load(settings: DataSettings, source: Source, seed: int, reporter: Reporter) -> Pictures:
    """Decode the pictures once into the cache (or find them there), say what was skipped, and hold a part out."""
    size = parse_size(settings.image_size or 0)
    store = _opened(settings, source, size, reporter)
    if settings.limit is not None and settings.limit < len(store):
        store = store.subset(
            torch.randperm(len(store), generator=torch.Generator().manual_seed(seed))[
                : settings.limit
            ]
            .sort()
            .values
        )
    train, held = _hold_out(settings, store, size, seed, reporter)
    return Pictures(train, held, store.pixel_scale(), size)


def _opened(
    settings: DataSettings, source: Source, size: tuple[int, int], reporter: Reporter
) -> PackedStore:
    """The pictures in the cache, or decoded anew each time where that is asked for."""
    if not settings.stream:
        return packed(source, size, settings.channels or 3, reporter)
    store = stream(source, short_side=packing_side(size), channels=settings.channels or 3)
    _warn_of_skipped(store, reporter)
    reporter.say(
        "Pictures are decoded anew each time (--stream); the cache keeps nothing of them but an index of shards."
    )
    return store


def packed(source: Source, size: tuple[int, int], channels: int, reporter: Reporter) -> PackedStore:
    """Decode a source into the cache with a margin for cropping, or find it there."""

    def show(done: int, total: int) -> None:
        reporter.progress("decode", done, total, f"{done:,} of {total:,} pictures")

    store = pack(source, short_side=packing_side(size), channels=channels, progress=show)
    reporter.finish()
    if isinstance(source, StoreSource) and max(size) > store.short_side:
        reporter.warn(
            f"The store '{store.folder}' holds pictures of {store.short_side} pixels on the shorter side, so {size[0]}x{size[1]} enlarges "
            f"them; prepare it again with --size {max(size)} or use a smaller --image-size."
        )
    _warn_of_skipped(store, reporter)
    return store


def _warn_of_skipped(store: PackedStore, reporter: Reporter) -> None:
    if store.skipped:
        named = "; ".join(f"{item.key} ({item.reason})" for item in store.skipped[:5])
        reporter.warn(
            f"{len(store.skipped)} unreadable pictures skipped: {named}{' ...' if len(store.skipped) > 5 else ''}"
        )


def packing_side(size: tuple[int, int]) -> int:
    """The short side that pictures are shrunk to before they are cropped to `size`: an eighth larger, tiny ones as they are."""
    return max(size) if max(size) <= 40 else round(max(size) * 8 / 7)


def eval_batches(
    store: PackedStore,
    size: tuple[int, int],
    batch_size: int = 128,
    maps: Sequence[str] = (),
    grid: tuple[int, int] | None = None,
) -> Iterator[Batch]:
    """All pictures in order, shrunk and center-cropped without chance; maps asked for come along as shares over a grid of patches."""
    shares = build_shares(store, maps, grid)
    view = AugmentedPictures(store, evaluation_view(size), 0, shares, keys=True)
    for start in range(0, len(store), batch_size):
        yield view.__getitems__(
            BatchPlan(0, torch.arange(start, min(start + batch_size, len(store))))
        )


def eval_images(store: PackedStore, size: tuple[int, int], count: int) -> Tensor:
    """`count` pictures spread evenly over the store, as (count, C, H, W) uint8, center-cropped."""
    return eval_batch(store, size, count).images


def eval_batch(
    store: PackedStore,
    size: tuple[int, int],
    count: int,
    maps: Sequence[str] = (),
    grid: tuple[int, int] | None = None,
) -> Batch:
    """`count` pictures spread evenly over the store in one batch, center-cropped; maps asked for come along."""
    chosen = torch.linspace(0, len(store) - 1, min(count, len(store))).round().long()
    return next(eval_batches(store.subset(chosen), size, count, maps, grid))


def _hold_out(
    settings: DataSettings, store: PackedStore, size: tuple[int, int], seed: int, reporter: Reporter
) -> tuple[PackedStore, PackedStore | None]:
    share = _held_share(settings.val, len(store))
    if share is None:
        other = open_source(str(settings.val), reading=reading_of(settings))
        return store, _opened(settings, other, size, reporter)
    if share == 0:
        return store, None
    parts = split_holdout(store, share, seed)
    return parts.train, parts.held


def _held_share(val: str | None, count: int) -> float | None:
    """The share held out; None when `val` names other data."""
    if val is None:
        return (
            0.0 if count < FEWEST_TO_HOLD_OUT_FROM else min(HELD_OUT_SHARE, MOST_HELD_OUT / count)
        )
    try:
        number = float(val)
    except ValueError:
        return None
    if number >= 1 and number == int(number) and not Path(val).exists():
        return min(1.0, int(number) / count)
    if 0 <= number < 1:
        return number
    raise MaskwrightError(
        f"--val is a share such as 0.1, a count such as 500, or other data; got '{val}'."
    )
