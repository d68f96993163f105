"""Batches that depend on (seed, epoch) alone, and a loader that can begin anywhere in an epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from maskwright.data.augment.tiny import LARGEST, crop_tiny
from maskwright.data.augment.transforms import Augment, CropBoxes
from maskwright.data.epoch_order import BatchPlan, EpochOrder, OrderSettings
from maskwright.data.maps.patch_shares import Move, PatchShares
from maskwright.data.picture_losses import PictureLosses
from maskwright.data.store.packed import PackedStore
from maskwright.data.worker_errors import WorkerError, in_place_of_error, raise_errors
from maskwright.patches import Grid
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.sample_ids import picture_ids
from maskwright.support.seeding import torch_generator

# More processes than this only cost memory: the GPU is the slower side by then.
_MOST_WORKERS = 12
# (images, epoch, sample_ids) -> images of the same shape.
Stronger = Callable[[Tensor, int, Tensor], Tensor]


class Batch(NamedTuple):
    """What one step trains on.

    images: uint8 (B, C, H, W).
    sample_ids: (B,) int64, the pictures' places in the store, and the turn of those that come
        several times in an epoch (see support/sample_ids.py).
    labels: (B,) int64 or None.
    priors: the maps asked for, by name, as (B, N) float32 shares per patch in [0, 1], cut and
        mirrored as the pictures are.
    views: (B, 5) float32, top, left, height and width of each crop as shares of the stored picture,
        and 1 where it is mirrored; a crop that was turned as well shows nothing from outside this
        box.
    keys: the pictures' names, where they were asked for.
    plain_ids: `sample_ids` as plain numbers, which are read without waiting for the device.
    """

    images: Tensor
    sample_ids: Tensor
    labels: Tensor | None
    priors: dict[str, Tensor]
    views: Tensor
    keys: tuple[str, ...] | None = None
    plain_ids: Sequence[int] | None = None


class AugmentedPictures(Dataset[Any]):
    """Makes whole batches: cuts, resizes and flips the pictures of a plan, and their maps too."""

    def __init__(
        self,
        store: PackedStore,
        augment: Augment,
        seed: int,
        shares: PatchShares | None = None,
        stronger: Stronger | None = None,
        keys: bool = False,
    ) -> None:
        """Keep what a batch is made of.

        shares: the maps that come along, if any.
        stronger: what is done to the images last; maps do not follow it.
        keys: whether the pictures' names come along.
        """
        self._store = store
        self._augment = augment
        self._seed = seed
        self._shares = shares
        self._stronger = stronger
        self._keys = keys

    def __len__(self) -> int:
        return len(self._store)

    def __getitems__(self, plan: BatchPlan) -> Batch | WorkerError:
        """The DataLoader hands a batch's plan over in one piece."""
        return in_place_of_error(lambda: self.make(plan))

    def make(self, plan: BatchPlan) -> Batch:
        """Make one batch; raises MaskwrightError where pictures cannot be had."""
        # Chance belongs to a sample, pixels to its picture.
        store, ids = self._store, picture_ids(plan.ids)
        heights, widths = store.heights[ids], store.widths[ids]
        boxes = self._augment.draw(
            heights, widths, seed=self._seed, epoch=plan.epoch, sample_ids=plan.ids
        )
        images, move = self._change(self._cut(ids, boxes), plan)
        if self._stronger is not None:
            images = self._stronger(images, plan.epoch, plan.ids)
        # Maps follow the same boxes and turns, so that a patch's share belongs to its pixels.
        priors = {}
        if self._shares:
            priors = self._shares.of_crops(ids, boxes, move, self._augment.size)
        return Batch(
            images,
            plan.ids,
            None if store.labels is None else store.labels[ids],
            priors,
            boxes.to_views(heights, widths),
            tuple(store.keys[index] for index in ids.tolist()) if self._keys else None,
            plan.ids.tolist(),
        )

    def _cut(self, ids: Tensor, boxes: CropBoxes) -> Tensor:
        """The boxes of the pictures, resized: (B, C, H, W) uint8."""
        store, size = self._store, self._augment.size
        # Tiny pictures of one size are resized all at once, which is about twice as fast.
        if store.uniform_size is not None and max(*store.uniform_size, *size) <= LARGEST:
            return crop_tiny(store.images(ids), boxes, size, self._augment.interpolation)
        images = torch.empty(len(ids), store.channels, *size, dtype=torch.uint8)
        for row, (index, box) in enumerate(zip(ids.tolist(), boxes.to_list(), strict=True)):
            images[row] = box.apply(store.image(index), size, self._augment.interpolation)
        return images

    def _change(self, images: Tensor, plan: BatchPlan) -> tuple[Tensor, Move | None]:
        """Turn and recolor the crops; also give what turns their maps in the same way."""
        changes = self._augment.changes
        if not (changes.moves or changes.recolors):
            return images, None
        drawn = changes.draw(seed=self._seed, epoch=plan.epoch, sample_ids=plan.ids)
        # Colors do not concern maps: only where pixels move must they follow.
        move = (lambda planes: changes.move(planes, drawn)) if changes.moves else None
        return changes.apply(images, drawn), move


class ResumableLoader(DataLoader[Any]):
    """A DataLoader whose epoch and starting batch can be set.

    Without workers batches are made in between steps: a thread beside a training CPU costs more
    than it saves (docs/log.md).
    """

    def __iter__(self) -> Any:
        """The batches from where they were set to begin; raises MaskwrightError as pictures do."""
        # The place is fixed now, and not when the first batch is asked for.
        return raise_errors(super().__iter__())

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration: its order and its augmentation."""
        self._plans.set_epoch(epoch)

    def start_at(self, batches_done: int) -> None:
        """Begin the next iteration inside the epoch, with the batches of a whole one from there."""
        self._plans.start_at(batches_done)

    @property
    def _plans(self) -> EpochOrder:
        assert isinstance(self.batch_sampler, EpochOrder)
        return self.batch_sampler


@dataclass(frozen=True, kw_only=True)
class LoaderSettings(OrderSettings):
    """How the pictures of a store come in batches.

    Its seed is that of the augmentation, too.

    workers: processes that prepare batches, see `pick_workers`.
    pin: page-locked memory for CUDA.
    maps: maps of the store that come along in `Batch.priors` (foreground, parts, parts/eyes ...) as
        shares over the patches of a grid.
    grid: those patches.
    stronger: what is done to the images last.
    keys: whether the pictures' names come along in `Batch.keys`.
    losses: draw pictures as often as their running loss says, instead of each once in an epoch.
    """

    workers: int = 0
    pin: bool = False
    maps: Sequence[str] = ()
    grid: Grid | None = None
    stronger: Stronger | None = None
    keys: bool = False
    losses: PictureLosses | None = None


def build_loader(store: PackedStore, augment: Augment, settings: LoaderSettings) -> ResumableLoader:
    """Build the loader of a store; it yields `Batch`es.

    Raises MaskwrightError for a map that is missing or damaged, or when no batch can be filled.
    """
    pictures = AugmentedPictures(
        store,
        augment,
        settings.seed,
        build_shares(store, settings.maps, settings.grid),
        settings.stronger,
        settings.keys,
    )
    order = EpochOrder(len(store), settings, settings.losses)
    return ResumableLoader(
        pictures,
        batch_sampler=order,
        num_workers=settings.workers,
        collate_fn=_as_it_is,
        pin_memory=settings.pin,
        # Workers live on between epochs: starting them costs seconds.
        persistent_workers=settings.workers > 0,
        # Workers draw their own seeds from it, and nothing of torch's global chance is used up.
        generator=torch_generator(settings.seed, "loader"),
    )


def build_shares(store: PackedStore, maps: Sequence[str], grid: Grid | None) -> PatchShares | None:
    """Open the maps that were asked for, or nothing when none were."""
    if not maps:
        return None
    if grid is None:
        raise MaskwrightError(
            f"Maps ({', '.join(maps)}) come as shares over a grid of patches; give"
            " grid=Grid(rows, cols)."
        )
    return PatchShares(store, maps, grid)


def pick_workers(
    device_type: Literal["cpu", "cuda", "mps"] | str,
    cores: int | None = None,
    local_ranks: int = 1,
    asked: int | None = None,
) -> int:
    """Choose the number of worker processes: none where the CPU trains, else all cores but one.

    asked: what the user wants, which counts where it is not None.
    """
    if asked is not None:
        return asked
    # A CPU that trains is busy on all cores already.
    if device_type == "cpu":
        return 0
    available = cpu_count() if cores is None else cores
    # One core stays free for the training process; ranks of one machine share the rest.
    return max(0, min(_MOST_WORKERS, (available - 1) // local_ranks))


def _as_it_is(batch: Any) -> Any:
    # __getitems__ gives a whole batch; there is nothing to collate.
    return batch
