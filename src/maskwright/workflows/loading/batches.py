"""The batches of a training, and its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from maskwright.data.augment.changes import Changes
from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, ResumableLoader, build_loader, pick_workers
from maskwright.data.picture_losses import PictureLosses
from maskwright.data.sampling import BlockSampling, LossSampling, parse_sampling
from maskwright.data.store.packed import PackedStore
from maskwright.patches import Grid
from maskwright.training.clock import Clock, set_clock
from maskwright.training.group import ALONE, Group
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.settings.pretrain_settings import DataSettings, PretrainSettings

# The smallest share of a picture that a random crop shows, as He et al. (2022) use it.
DEFAULT_CROP_SCALE = 0.2


@dataclass(frozen=True, kw_only=True)
class BatchExtras:
    """What training batches bring beside pictures, and what they are drawn by.

    maps: names of maps that the policy and the loss look at.
    grid: patches that maps are averaged over.
    keys: whether the names of the pictures come along.
    losses: draw pictures as often as their running loss says.
    """

    maps: Sequence[str] = ()
    grid: Grid | None = None
    keys: bool = False
    losses: PictureLosses | None = None


def build_batches(
    settings: PretrainSettings,
    pictures: Pictures,
    device: torch.device,
    extras: BatchExtras = BatchExtras(),
    group: Group = ALONE,
) -> ResumableLoader:
    """The seeded loader of training batches for this process, one of a group that shares them."""
    sampling = parse_sampling(settings.train.sample)
    return build_loader(
        pictures.train,
        _build_augment(settings.data, pictures.size),
        LoaderSettings(
            batch_size=settings.train.batch_size or 1,
            seed=settings.train.seed,
            # Every process of this machine starts as many; they share its cores.
            workers=pick_workers(
                device.type, local_ranks=settings.run.devices, asked=settings.data.workers
            ),
            rank=group.rank,
            world_size=group.world_size,
            pin=device.type == "cuda",
            maps=extras.maps,
            grid=extras.grid,
            keys=extras.keys,
            losses=extras.losses,
            blocks=sampling if isinstance(sampling, BlockSampling) else None,
        ),
    )


def picture_losses(settings: PretrainSettings, store: PackedStore) -> PictureLosses | None:
    """What pictures are sampled by; None where each comes once in an epoch."""
    sampling = parse_sampling(settings.train.sample)
    return PictureLosses(store.keys, sampling) if isinstance(sampling, LossSampling) else None


def _build_augment(data: DataSettings, size: tuple[int, int]) -> Augment:
    """How training pictures are cropped and changed."""
    changes = Changes(
        rotate=data.rotate,
        vertical_flip=data.vertical_flip,
        brightness=data.brightness,
        contrast=data.contrast,
        saturation=data.saturation,
        hue=data.hue,
    )
    least_share = DEFAULT_CROP_SCALE if data.crop_scale is None else data.crop_scale
    return Augment(
        size=size, crop=data.crop, scale=(least_share, 1.0), flip=data.flip, changes=changes
    )


def build_clock(settings: PretrainSettings, batches: int) -> Clock:
    """How long the training is, in optimizer steps or minutes."""
    # Without a length the clock is of an epoch; complete settings have one.
    train = settings.train
    return set_clock(
        batches,
        minutes=train.minutes,
        steps=train.steps,
        epochs=train.epochs or 1,
        accumulate=train.accumulate,
    )
