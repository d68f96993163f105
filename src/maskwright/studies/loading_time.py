"""How long the pictures of a training take to be cut and changed: for `--dry-run`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from maskwright.data.loader import Batch, ResumableLoader, pick_workers
from maskwright.support.environment import pick_device
from maskwright.workflows.loading.batches import build_batches
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

_SECONDS = 1.0
"""Batches are timed for about so long, after a first one that warms up."""


@dataclass(frozen=True)
class LoadingTime:
    """What a training waits for its pictures.

    per_picture: seconds that one takes, divided among the processes that make them.
    is_beside: whether other processes make them while the device computes.
    """

    per_picture: float
    is_beside: bool

    def join(self, pictures: float, computing: float) -> float:
        """Seconds of a training of so many pictures whose steps alone take `computing`."""
        loading = pictures * self.per_picture
        # Made beside the steps, pictures cost time only where they are the slower side.
        return max(computing, loading) if self.is_beside else computing + loading


NO_LOADING = LoadingTime(0.0, is_beside=False)


def time_loading(settings: PretrainSettings, pictures: Pictures) -> LoadingTime:
    """Time some training batches of complete settings.

    Maps that a policy looks at are left out, so a training with them waits a little longer.
    """
    device = pick_device(settings.run.device)
    workers = pick_workers(
        device.type, local_ranks=settings.run.devices, asked=settings.data.workers
    )
    # Made in this process: starting others takes longer than the measurement.
    loader = build_batches(settings.with_values(workers=0), pictures, device)
    return LoadingTime(_seconds_per_picture(loader) / max(1, workers), is_beside=workers > 0)


def _seconds_per_picture(loader: ResumableLoader) -> float:
    batches = _epochs(loader)
    # The first batch imports and maps what the others find ready.
    next(batches)
    count = 0
    begun = time.perf_counter()
    while time.perf_counter() - begun < _SECONDS:
        count += len(next(batches).images)
    return (time.perf_counter() - begun) / count


def _epochs(loader: ResumableLoader) -> Iterator[Batch]:
    """Batches without end; small data has few in an epoch."""
    epoch = 0
    while True:
        loader.set_epoch(epoch)
        yield from loader
        epoch += 1
