"""The order of an epoch's pictures: it depends on (seed, epoch) alone, whatever the ranks.

Where pictures are sampled by loss, it also depends on what they cost until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from maskwright.data.block_order import BlockOrder
from maskwright.data.picture_losses import PictureLosses
from maskwright.data.sampling import BlockSampling
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


@dataclass(frozen=True)
class BatchPlan:
    """What a worker needs to know to make one batch.

    epoch: selects the random numbers of the augmentation.
    ids: (B,) int64 sample ids: the pictures' places in the store, and which turn of the epoch it is
        for pictures that come several times.
    """

    epoch: int
    ids: Tensor


@dataclass(frozen=True, kw_only=True)
class OrderSettings:
    """How the pictures of an epoch come one after another.

    batch_size: pictures of a batch, for this rank.
    seed: of the order.
    shuffle: a new order in every epoch, else the store's.
    drop_last: leave out a last batch that is not full. When off, with several ranks, it is filled
        up to a multiple of world_size, as DistributedSampler does.
    rank, world_size: which of how many processes this is.
    blocks: shuffle blocks of neighbors and a few of them among each other, instead of all pictures.
    """

    batch_size: int
    seed: int
    shuffle: bool = True
    drop_last: bool = True
    rank: int = 0
    world_size: int = 1
    blocks: BlockSampling | None = None


class EpochOrder(Sampler[Any]):
    """Yields the BatchPlans of an epoch for one rank.

    Global batch k holds the same pictures for any number of ranks.
    """

    def __init__(
        self, length: int, settings: OrderSettings, losses: PictureLosses | None = None
    ) -> None:
        """Raises MaskwrightError when not one batch can be filled.

        length: pictures in the store.
        losses: draw pictures as often as their running loss says, instead of each once.
        """
        self._length = length
        self._settings = settings
        self._losses = losses
        batch_size, rank, world_size = settings.batch_size, settings.rank, settings.world_size
        # What all ranks take together in one step.
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
        return (
            whole if self._settings.drop_last else -(-self._length // self._global_size)
        )  # rounds up

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
        """Fix epoch and start now; only the first batch that is drawn uses the start up."""
        # A DataLoader with workers makes two iterators and drops one of them unused, so the start
        # must outlive the making of an iterator.
        return self._batches(self._start, self._epoch)

    def _batches(self, start: int, epoch: int) -> Iterator[BatchPlan]:
        # From here on the start is spent: the next epoch begins at its beginning.
        self._start = 0
        order = self._order(epoch)
        # Skipped batches are never decoded, so resuming costs nothing.
        for batch in range(start, len(self)):
            ids = order[batch * self._global_size : (batch + 1) * self._global_size]
            yield BatchPlan(epoch, self._share(ids, order))

    def _order(self, epoch: int) -> Tensor | BlockOrder:
        """The sample ids of an epoch, of which slices are taken."""
        seed = self._settings.seed
        if not self._settings.shuffle:
            return torch.arange(self._length)
        if self._losses is not None:
            return self._losses.order(seed, epoch)
        if self._settings.blocks is not None:
            return BlockOrder(self._length, self._settings.blocks, seed, epoch)
        # A new generator for every epoch: epoch 7 is the same whether or not 1 to 6 were run.
        return torch.randperm(self._length, generator=torch_generator(seed, "order", epoch))

    def _share(self, ids: Tensor, order: Tensor | BlockOrder) -> Tensor:
        """This rank's part; a last batch that does not divide is filled from the epoch's start."""
        # Ranks of unequal length would wait for each other for ever.
        lacking = -len(ids) % self._settings.world_size
        if lacking:
            # A store may hold fewer pictures than are lacking: then its order is repeated.
            repeats = -(-lacking // len(order))
            first = order[: min(lacking, len(order))]
            ids = torch.cat([ids, first.repeat(repeats)[:lacking]])
        # (world_size * B,) -> (world_size, B)
        return ids.view(self._settings.world_size, -1)[self._settings.rank]
