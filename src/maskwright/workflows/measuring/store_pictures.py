"""Pictures of a packed store at the size of one encoder, as probes and diagnostics take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.data.store.packed import PackedStore
from maskwright.workflows.loading.pictures import eval_batches


@dataclass(frozen=True, eq=False)
class StorePictures:
    """Pictures of a packed store, shrunk and center-cropped to one size.

    They can be gone through in order again and again.

    store: the decoded pictures.
    size: (height, width) of the pictures that come out.
    batch_size: pictures in a batch.
    """

    store: PackedStore
    size: tuple[int, int]
    batch_size: int = 128

    @property
    def labels(self) -> Tensor:
        """(n,) int64; -1 for pictures that have none."""
        if self.store.labels is None:
            # No class has this number, so no answer is right.
            return torch.full((len(self.store),), -1)
        return self.store.labels

    @property
    def classes(self) -> Sequence[str]:
        """The name of each label."""
        return self.store.classes or ()

    @property
    def keys(self) -> Sequence[str]:
        """The name of each picture."""
        return self.store.keys

    def __len__(self) -> int:
        return len(self.store)

    def __iter__(self) -> Iterator[Batch]:
        # Made anew each time, as a generator can be used up only once.
        return eval_batches(self.store, self.size, self.batch_size)

    def take(self, ids: Sequence[int]) -> StorePictures:
        """Some of them, by their positions."""
        # A view of the same store: nothing is copied.
        return replace(self, store=self.store.subset(ids))
