"""An epoch's order that reads neighbors together: blocks in a new order, mixed a few at a time.

Shards on hard disks and in object storage are read fast only one after another. This is the
shuffle of shards with a buffer that tf.data, WebDataset and MosaicML's streaming have, but as a
function of (seed, epoch) alone: it can be entered anywhere, and no memory of it has to be kept.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from maskwright.data.sampling import BlockSampling
from maskwright.support.seeding import torch_generator

# Groups of blocks that stay in memory: a batch may lie across the border of two.
_KEPT = 2


class BlockOrder:
    """The order of one epoch, as a sequence of picture numbers that is made where it is looked at.

    Every picture comes once. Pictures that are neighbors in the store form a block; as many blocks
    as the buffer holds form a group, whose pictures come in a random order before those of the
    next.
    """

    def __init__(self, length: int, sampling: BlockSampling, seed: int, epoch: int) -> None:
        """length: pictures in the store."""
        self._length = length
        self._size = sampling.size
        self._seed = seed
        self._epoch = epoch
        count = -(-length // sampling.size)  # rounds up: the last block may be short
        generator = torch_generator(seed, "blocks", epoch)
        self._groups = torch.randperm(count, generator=generator).split(sampling.buffer)
        lengths = torch.tensor([self._count(group) for group in self._groups])
        # (groups + 1,) the place in the epoch at which each group begins, and the epoch's end.
        self._starts = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
        self._ids = lru_cache(_KEPT)(self._mix)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, places: slice) -> Tensor:
        """(n,) int64 pictures at the places of a slice without a step."""
        start, stop, _ = places.indices(self._length)
        if start >= stop:
            return torch.empty(0, dtype=torch.int64)
        first = self._group_at(start)
        last = self._group_at(stop - 1)
        ids = torch.cat([self._ids(group) for group in range(first, last + 1)])
        offset = int(self._starts[first])
        return ids[start - offset : stop - offset]

    def _group_at(self, place: int) -> int:
        return int(torch.searchsorted(self._starts, place, right=True)) - 1

    def _count(self, blocks: Tensor) -> int:
        """How many pictures some blocks hold together."""
        ends = ((blocks + 1) * self._size).clamp(max=self._length)
        return int((ends - blocks * self._size).sum())

    def _mix(self, group: int) -> Tensor:
        """(n,) the pictures of a group, in their random order."""
        ids = torch.cat([self._block(block) for block in self._groups[group].tolist()])
        generator = torch_generator(self._seed, "blocks", self._epoch, group)
        return ids[torch.randperm(len(ids), generator=generator)]

    def _block(self, block: int) -> Tensor:
        start = block * self._size
        return torch.arange(start, min(start + self._size, self._length))
