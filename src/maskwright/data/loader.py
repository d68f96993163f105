"""Batches in an order that depends on (seed, epoch) alone, whatever the workers and ranks, and that
can begin anywhere in an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from maskwright.data.augment.tiny import LARGEST, crop_tiny
from maskwright.data.augment.transforms import Augment
from maskwright.data.maps.patch_shares import Move, PatchShares
from maskwright.data.store.packed import PackedStore
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

_MOST_WORKERS = 12
Stronger = Callable[[Tensor, int, Tensor], Tensor]


class Batch(NamedTuple):
    """What one step trains on.

    images: uint8 (B, C, H, W).
    sample_ids: (B,) int64, the pictures' places in the store.
    labels: (B,) int64 or None.
    priors: the maps asked for, by name, as (B, N) float32 shares per patch in [0, 1], cut and
        mirrored as the pictures are.
    views: (B, 5) float32, top, left, height and width of each crop as shares of the stored picture,
        and 1 where it is mirrored; a crop that was turned as well shows nothing from outside this
        box.
    keys: the pictures' names, where they were asked for.
    """

    images: Tensor
    sample_ids: Tensor
    labels: Tensor | None
    priors: dict[str, Tensor]
    views: Tensor
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True)
class BatchPlan:
    """What a worker needs to know to make one batch."""

    epoch: int
    ids: Tensor


class EpochOrder(Sampler[Any]):
    """Yields the BatchPlans of an epoch for one rank; global batch k is the same pictures for any
    number of ranks.
    """

    def __init__(
        self,
        length: int,
        *,
        batch_size: int,
        seed: int,
        shuffle: bool,
        drop_last: bool,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """length: pictures in the store; batch_size: pictures per rank and batch.

        Raises MaskwrightError when not one batch can be filled.
        """
        self._length, self._seed, self._shuffle, self._drop_last = length, seed, shuffle, drop_last
        self._rank, self._world_size = rank, world_size
        self._global_size = batch_size * world_size
        self._epoch = 0
        self._start = 0
        if batch_size < 1 or not 0 <= rank < world_size:
            raise MaskwrightError(
                f"A batch has at least one picture and rank < world size; got {batch_size}, {rank}"
                f" of {world_size}."
            )
        if len(self) == 0:
            raise MaskwrightError(
                f"A batch of {self._global_size:,} is larger than the data ({length:,} pictures);"
                f" use at most {length:,}."
            )

    def __len__(self) -> int:
        """Batches in a full epoch, wherever the next iteration begins."""
        whole = self._length // self._global_size
        return whole if self._drop_last else -(-self._length // self._global_size)

    @property
    def sampler(self) -> EpochOrder:
        """Itself: trainers set the epoch of a batch sampler through the sampler it wraps."""
        return self

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def start_at(self, batches_done: int) -> None:
        """Let the next iteration, and only that, begin after this many batches."""
        if not 0 <= batches_done <= len(self):
            raise MaskwrightError(
                f"An epoch has {len(self)} batches; cannot begin after {batches_done}."
            )
        self._start = batches_done

    def __iter__(self) -> Iterator[BatchPlan]:
        """Fix epoch and start now; the first batch uses the start up, as a DataLoader with workers
        makes two iterators and drops one.
        """
        return self._batches(self._start, self._epoch)

    def _batches(self, start: int, epoch: int) -> Iterator[BatchPlan]:
        self._start = 0
        order = self._order(epoch)
        for batch in range(start, len(self)):
            ids = order[batch * self._global_size : (batch + 1) * self._global_size]
            yield BatchPlan(epoch, self._share(ids, order))

    def _order(self, epoch: int) -> Tensor:
        if not self._shuffle:
            return torch.arange(self._length)
        return torch.randperm(self._length, generator=torch_generator(self._seed, "order", epoch))

    def _share(self, ids: Tensor, order: Tensor) -> Tensor:
        """This rank's part; a last batch that does not divide is filled up from the epoch's
        beginning, so that no rank waits for ever.
        """
        lacking = -len(ids) % self._world_size
        filled = (
            torch.cat([ids, order.repeat(-(-lacking // len(order)))[:lacking]]) if lacking else ids
        )
        return filled.view(self._world_size, -1)[self._rank]


class AugmentedPictures(Dataset[Any]):
    """Makes whole batches: cut, resize and flip the pictures of a plan, and their maps with them
    where maps are given.
    """

    def __init__(
        self,
        store: PackedStore,
        augment: Augment,
        seed: int,
        shares: PatchShares | None = None,
        stronger: Stronger | None = None,
        keys: bool = False,
    ) -> None:
        """stronger: what is done last, (images, epoch, sample_ids) to images of the same shape;
        maps do not follow it; keys: whether names come along.
        """
        self._keys = keys
        self._store, self._augment, self._seed, self._shares, self._stronger = (
            store,
            augment,
            seed,
            shares,
            stronger,
        )

    def __len__(self) -> int:
        return len(self._store)

    def __getitems__(self, plan: BatchPlan) -> Batch:
        """The DataLoader hands a batch's plan over in one piece."""
        store, ids = self._store, plan.ids
        heights, widths = store.heights[ids], store.widths[ids]
        boxes = self._augment.draw(
            heights, widths, seed=self._seed, epoch=plan.epoch, sample_ids=ids
        )
        size = self._augment.size
        if store.uniform_size is not None and max(*store.uniform_size, *size) <= LARGEST:
            images = crop_tiny(store.images(ids), boxes, size, self._augment.interpolation)
        else:
            images = torch.empty(len(ids), store.channels, *size, dtype=torch.uint8)
            for place, (index, box) in enumerate(zip(ids.tolist(), boxes.to_list(), strict=True)):
                images[place] = box.apply(store.image(index), size, self._augment.interpolation)
        images, move = self._change(images, plan)
        images = images if self._stronger is None else self._stronger(images, plan.epoch, ids)
        priors = self._shares.of_crops(ids, boxes, move, size) if self._shares else {}
        return Batch(
            images,
            ids,
            None if store.labels is None else store.labels[ids],
            priors,
            boxes.to_views(heights, widths),
            tuple(store.keys[index] for index in ids.tolist()) if self._keys else None,
        )

    def _change(self, images: Tensor, plan: BatchPlan) -> tuple[Tensor, Move | None]:
        """Turn and recolor the crops where that is asked for; also give what turns their maps in
        the same way.
        """
        changes = self._augment.changes
        if not (changes.moves or changes.recolors):
            return images, None
        drawn = changes.draw(seed=self._seed, epoch=plan.epoch, sample_ids=plan.ids)
        return changes.apply(images, drawn), (
            (lambda planes: changes.move(planes, drawn)) if changes.moves else None
        )


class ResumableLoader(DataLoader[Any]):
    """A DataLoader whose epoch and starting batch can be set. Without workers batches are made in
    between steps: a thread beside a training CPU costs more than it saves (docs/log.md).
    """

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration: its order and its augmentation."""
        self._plans.set_epoch(epoch)

    def start_at(self, batches_done: int) -> None:
        """Begin the next iteration inside the epoch, with exactly the batches an uninterrupted one
        would see from there.
        """
        self._plans.start_at(batches_done)

    @property
    def _plans(self) -> EpochOrder:
        assert isinstance(self.batch_sampler, EpochOrder)
        return self.batch_sampler


def build_loader(
    store: PackedStore,
    augment: Augment,
    *,
    batch_size: int,
    seed: int,
    shuffle: bool = True,
    drop_last: bool = True,
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin: bool = False,
    maps: Sequence[str] = (),
    grid: tuple[int, int] | None = None,
    stronger: Stronger | None = None,
    keys: bool = False,
) -> ResumableLoader:
    """Build the loader of a store; it yields `Batch`es of `batch_size` pictures for this rank.

    workers: processes that prepare batches, see pick_workers.
    pin: page-locked memory for CUDA. With several ranks and drop_last off, the last batch is filled
        up to a multiple of world_size, as DistributedSampler does.
    maps: maps of the store that come along in `Batch.priors` (foreground, parts, parts/eyes ...) as
        shares over the patches of a grid of (rows, cols). Raises MaskwrightError for a map that is
        missing or damaged.
    stronger: what is done to the images last.
    keys: whether the pictures' names come along in `Batch.keys`.
    """
    order = EpochOrder(
        len(store),
        batch_size=batch_size,
        seed=seed,
        shuffle=shuffle,
        drop_last=drop_last,
        rank=rank,
        world_size=world_size,
    )
    return ResumableLoader(
        AugmentedPictures(store, augment, seed, build_shares(store, maps, grid), stronger, keys),
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_as_it_is,
        pin_memory=pin,
        persistent_workers=workers > 0,
        generator=torch_generator(seed, "loader"),
    )


def build_shares(
    store: PackedStore, maps: Sequence[str], grid: tuple[int, int] | None
) -> PatchShares | None:
    """Open the maps that were asked for, or nothing when none were."""
    if not maps:
        return None
    if grid is None:
        raise MaskwrightError(
            f"Maps ({', '.join(maps)}) come as shares over a grid of patches; give grid=(rows,"
            " cols)."
        )
    return PatchShares(store, maps, grid)


def pick_workers(
    device_type: Literal["cpu", "cuda", "mps"] | str, cores: int | None = None, local_ranks: int = 1
) -> int:
    """Choose the number of worker processes: none where the CPU trains, whose cores are busy, else
    all cores but one.
    """
    if device_type == "cpu":
        return 0
    return max(
        0, min(_MOST_WORKERS, ((cpu_count() if cores is None else cores) - 1) // local_ranks)
    )


def _as_it_is(batch: Any) -> Any:
    return batch
