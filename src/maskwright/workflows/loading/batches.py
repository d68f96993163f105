"""The batches of a training and its clock: how many there are, where an interrupted run goes on."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from maskwright.data.augment.changes import Changes
from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, ResumableLoader, build_loader, pick_workers
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import process_rank
from maskwright.training.clock import Clock, set_clock
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


def build_batches(
    settings: PretrainSettings,
    pictures: Pictures,
    device: torch.device,
    maps: Sequence[str] = (),
    grid: tuple[int, int] | None = None,
    keys: bool = False,
) -> ResumableLoader:
    """The seeded loader of training batches for this process, with the maps and names that the
    policy and the loss look at.
    """
    rank, world = process_rank()
    data = settings.data
    changes = Changes(
        rotate=data.rotate,
        vertical_flip=data.vertical_flip,
        brightness=data.brightness,
        contrast=data.contrast,
        saturation=data.saturation,
        hue=data.hue,
    )
    augment = Augment(
        size=pictures.size,
        crop=data.crop,
        scale=(0.2 if data.crop_scale is None else data.crop_scale, 1.0),
        flip=data.flip,
        changes=changes,
    )
    workers = data.workers if data.workers is not None else pick_workers(device.type, cpu_count())
    return build_loader(
        pictures.train,
        augment,
        LoaderSettings(
            batch_size=settings.train.batch_size or 1,
            seed=settings.train.seed,
            workers=workers,
            rank=rank,
            world_size=world if world > 1 else settings.run.devices * settings.run.nodes,
            pin=device.type == "cuda",
            maps=maps,
            grid=grid,
            keys=keys,
        ),
    )


def build_clock(settings: PretrainSettings, batches: int) -> Clock:
    """How long the training is, in optimizer steps or minutes."""
    train = settings.train
    return set_clock(
        batches,
        minutes=train.minutes,
        steps=train.steps,
        epochs=train.epochs or 1,
        accumulate=train.accumulate,
    )


def restore_position(folder: RunFolder, loader: ResumableLoader) -> None:
    """Set pictures and numbers back to where the last checkpoint was written."""
    place = read_position(folder)
    folder.cut_metrics(place["step"])
    loader.set_epoch(place["epoch"])
    loader.start_at(place["batches"])


def read_position(folder: RunFolder) -> dict[str, int]:
    """Where in the order of pictures the last checkpoint was written."""
    try:
        return dict(
            torch.load(folder.last, map_location="cpu", weights_only=True, mmap=True)["place"]
        )
    except (OSError, RuntimeError, KeyError, EOFError, ValueError) as error:
        raise MaskwrightError(
            f"{folder.last} is damaged; start again with --overwrite, or from another checkpoint"
            " with --init."
        ) from error
