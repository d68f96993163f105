"""From data settings to pictures ready to train on: found, decoded once, a part held out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from maskwright.data.augment.transforms import evaluation_view
from maskwright.data.epoch_order import BatchPlan
from maskwright.data.loader import AugmentedPictures, Batch, build_shares
from maskwright.data.packing import pack
from maskwright.data.pixels.decode import UnreadableImage
from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.reading import PAGES, Reading
from maskwright.data.sources.store_source import StoreSource
from maskwright.data.sources.survey import Survey, survey
from maskwright.data.store.packed import PackedStore, Skipped
from maskwright.data.store.splits import hold_out, limited, spread
from maskwright.data.streamed import stream
from maskwright.patches import Grid, PixelScale
from maskwright.support.checks import check_one_of
from maskwright.support.count_progress import CountProgress
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.held_out import (
    check_held,
    count_held,
    fit_classes,
    read_val,
    set_apart,
)
from maskwright.workflows.settings.geometry_choices import TINY_SIDE
from maskwright.workflows.settings.pretrain_settings import DataSettings, parse_size


@dataclass(frozen=True)
class Pictures:
    """The pictures of a run.

    train: those trained on.
    held: those held out; None where nothing is.
    scale: how their pixels are scaled for the model.
    size: (height, width) that the model sees.
    test: those set apart for a test after the training, which never sees them; None unless
        test_size asks for it.
    """

    train: PackedStore
    held: PackedStore | None
    scale: PixelScale
    size: tuple[int, int]
    test: PackedStore | None = None

    @property
    def fixed(self) -> PackedStore:
        """Where fixed pictures for sheets and baselines come from: held out where there are any."""
        return self.held if self.held is not None else self.train


def find(settings: DataSettings, source: Any, reporter: Reporter) -> tuple[Source, Survey]:
    """Open the data and say what was found.

    source: an object from Python, or None to open `settings.data`.
    """
    opened = open_source(
        settings.data if source is None else source,
        split=settings.split,
        labels=settings.labels,
        reading=reading_of(settings),
    )
    # Sizes and channels of some pictures, for choices that the person left open.
    facts = survey(opened)
    for line in (str(facts), *facts.notes):
        reporter.say(line)
    return opened, facts


def reading_of(settings: DataSettings) -> Reading:
    """How the files of a run are read."""
    return Reading(value_range=settings.value_range, pages=settings.pages)


def reading_for(
    trained: Mapping[str, Any], value_range: str | None = None, pages: str | None = None
) -> Reading:
    """How files are read for a model: as it was trained, unless stated.

    trained: the settings of that training, so that the model's inputs mean the same.
    """
    check_one_of("pages", pages or "first", PAGES)
    return Reading(
        value_range=value_range or trained.get("value_range"),
        pages="all" if pages == "all" else "first",
    )


def load(settings: DataSettings, source: Source, seed: int, reporter: Reporter) -> Pictures:
    """Decode the pictures once into the cache (or find them there), and hold a part out.

    Raises MaskwrightError where --val leaves nothing to train on or to hold out.
    """
    size = parse_size(settings.image_size or 0)
    # Checked before anything is decoded, with the number of pictures that is to be expected.
    val = read_val(settings.val)
    expected = len(source) - round((settings.test_size or 0) * len(source))
    count_held(val, min(expected, settings.limit or expected))

    # The test part is set apart first: no limit or seed may change it.
    store = _opened(settings, source, size, reporter)
    store, test = set_apart(store, settings.test_size, reporter)
    store = limited(store, settings.limit, seed)

    train, held = store, None
    if isinstance(val, str):
        other = open_source(val, reading=reading_of(settings))
        held = fit_classes(train, _opened(settings, other, size, reporter), val, reporter)
    elif count := count_held(val, len(store)):
        # By the run's seed, spread over the classes where there are labels.
        parts = hold_out(store, count, seed)
        train, held = parts.train, parts.held
        check_held(settings.val, held, len(store), reporter)
    return Pictures(train, held, store.pixel_scale(), size, test)


def _opened(
    settings: DataSettings, source: Source, size: tuple[int, int], reporter: Reporter
) -> PackedStore:
    """The pictures in the cache, or decoded anew each time where that is asked for."""
    if not settings.stream:
        return packed(source, size, settings.channels or 3, reporter)
    # Nothing is packed, so epochs read the source again.
    store = stream(source, short_side=packing_side(size), channels=settings.channels or 3)
    _warn_of_skipped(store, reporter)
    reporter.say(
        "Pictures are decoded anew each time (--stream); the cache keeps no decoded pictures."
    )
    return store


def packed(source: Source, size: tuple[int, int], channels: int, reporter: Reporter) -> PackedStore:
    """Decode a source into the cache with a margin for cropping, or find it there."""
    progress = CountProgress(reporter, "decode")

    store = pack(source, short_side=packing_side(size), channels=channels, progress=progress.show)
    reporter.finish()
    # A store was shrunk once; what it lost is not there to be decoded.
    if isinstance(source, StoreSource) and max(size) > store.short_side:
        reporter.warn(
            f"The store '{store.folder}' holds pictures of {store.short_side} pixels on the shorter"
            f" side, so {size[0]}x{size[1]} enlarges them; prepare it again with --size {max(size)}"
            " or use a smaller --image-size."
        )
    _warn_of_skipped(store, reporter)
    return store


def _warn_of_skipped(store: PackedStore, reporter: Reporter) -> None:
    if store.skipped:
        reporter.warn(format_skipped(store.skipped))


def format_skipped(skipped: Sequence[Skipped | UnreadableImage]) -> str:
    """How many pictures could not be read, and why the first of them could not."""
    named = "; ".join(f"{item.key} ({item.reason})" for item in skipped[:5])
    more = " ..." if len(skipped) > 5 else ""
    return f"{len(skipped)} unreadable pictures skipped: {named}{more}"


def packing_side(size: tuple[int, int]) -> int:
    """The short side that pictures are shrunk to before they are cropped to `size`.

    An eighth of it is a margin for crops; tiny pictures stay as they are.
    """
    side = max(size)
    # Shrinking those of CIFAR's size would blur what little there is.
    return side if side <= TINY_SIDE else round(side * 8 / 7)


def eval_batches(
    store: PackedStore,
    size: tuple[int, int],
    batch_size: int = 128,
    maps: Sequence[str] = (),
    grid: Grid | None = None,
) -> Iterator[Batch]:
    """All pictures in order, shrunk and center-cropped without chance.

    maps: names of maps that come along, as shares over a grid of patches.
    grid: those patches.
    """
    # (n, N) shares of each map, or nothing.
    shares = build_shares(store, maps, grid)
    # Seed 0 without chance: the view of a picture is always the same.
    view = AugmentedPictures(store, evaluation_view(size), 0, shares, keys=True)
    for start in range(0, len(store), batch_size):
        rows = torch.arange(start, min(start + batch_size, len(store)))
        yield view.make(BatchPlan(0, rows))


def eval_images(store: PackedStore, size: tuple[int, int], count: int) -> Tensor:
    """`count` pictures spread evenly over the store, as (count, C, H, W) uint8, center-cropped."""
    return eval_batch(store, size, count).images


def eval_batch(
    store: PackedStore,
    size: tuple[int, int],
    count: int,
    maps: Sequence[str] = (),
    grid: Grid | None = None,
) -> Batch:
    """`count` pictures spread evenly over the store in one batch, center-cropped.

    maps, grid: see `eval_batches`.
    """
    some = store.subset(spread(len(store), count))
    return next(eval_batches(some, size, count, maps, grid))
