"""How long a study will take on this machine, and how much it will write: for `--dry-run`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import torch

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.cost import count_step
from maskwright.patches import PatchMask, visible_count
from maskwright.patches.mask import split
from maskwright.schedules import parse_schedule
from maskwright.studies.loading_time import NO_LOADING, LoadingTime
from maskwright.studies.record import Compute, TrialRecord
from maskwright.support.environment import cpu_count, pick_device, pick_precision
from maskwright.support.plurals import count_of
from maskwright.support.seeding import sample_rng, torch_generator
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

_FIRST_BATCH = 4
"""Pictures of the first timed step, which any model has room for."""
_SHORT = 0.25
"""Seconds: while a step takes less, its batch is doubled, up to that of the training."""
_SECONDS = 1.5
"""Steps are timed for about so long, after those that warm up."""
_BYTES_PER_WEIGHT = 12
"""Of a checkpoint: the weight and the two moments of AdamW, four bytes each."""
_OTHER_FILES = 3_000_000
"""Sheets, logs and tables of a run, about."""
_WORTH_SAYING = 0.05
"""Share of the time from which on waiting for pictures is mentioned."""


@dataclass(frozen=True)
class Rate:
    """How fast this machine trains.

    flops: operations a second.
    source: where the number comes from, in words.
    beside: seconds that a trial takes besides its training: decoding, probes, diagnostics.
    is_whole: whether waiting for pictures is in it, as it is in trials that have ended.
    """

    flops: float
    source: str
    beside: float = 0.0
    is_whole: bool = False


def _format_hours(hours: float) -> str:
    """About so long, in the unit that people would say."""
    minutes = 60 * hours
    if minutes < 1.5:
        return "about a minute"
    return f"about {minutes:.0f} minutes" if minutes < 90 else f"about {hours:.2g} hours"


@dataclass(frozen=True)
class Forecast:
    """What the trials that are missing will take.

    trials: how many.
    hours: None where nothing is known.
    gigabytes: that checkpoints and figures will need, about.
    by_clock: whether all of them train for so many minutes, whatever the speed.
    loading: the share of the hours in which steps wait for pictures, where that was timed.
    """

    trials: int
    hours: float | None
    gigabytes: float
    by_clock: bool = False
    loading: float = 0.0

    def format(self, rate: Rate) -> str:
        """The forecast in a sentence."""
        time = "an unknown time" if self.hours is None else _format_hours(self.hours)
        beside = (
            f", and {rate.beside:.0f} s a trial for probes and the like"
            if rate.beside
            else "; probes and diagnostics come on top"
        )
        # Minutes that were asked for rest on no speed.
        source = (
            "matched by the clock"
            if self.by_clock
            else f"{rate.flops / 1e9:,.0f} GFLOP/s, {rate.source}"
        )
        if self.loading >= _WORTH_SAYING:
            source += f"; {self.loading:.0%} of the time goes into cutting and changing pictures"
        return (
            f"{count_of(self.trials, 'trial')} to run: {time} of training on this machine and"
            f" {self.gigabytes:.2g} GB on disk ({source}{beside})"
        )


def forecast(
    costs: Mapping[str, Compute],
    settings: Mapping[str, PretrainSettings],
    missing: Sequence[tuple[str, int]],
    rate: Rate,
    lengths: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    loading: Mapping[str, LoadingTime] = MappingProxyType({}),
) -> Forecast:
    """Add up what the missing trials cost; costs, settings, lengths and loading go by arm.

    lengths: what a budget says of the length of a training, in place of the settings.
    loading: what the pictures take, where the rate is of steps alone.
    """
    seconds = waiting = 0.0
    by_clock = bool(missing)
    gigabytes = 0.0
    is_known = True
    for arm, _ in missing:
        cost = costs.get(arm)
        if cost is None:
            continue  # an arm that cannot run here takes no time
        # Matched by the clock, an arm has its minutes and no operations that are known before.
        length = lengths.get(arm, {})
        minutes = length.get("minutes", settings[arm].train.minutes)
        by_clock = by_clock and not cost.flops
        if cost.flops:
            computing = cost.flops / rate.flops
            # Several masks of a picture count as several images, and it is cut once.
            pictures = cost.images / settings[arm].mask.masks_per_image
            training = loading.get(arm, NO_LOADING).join(pictures, computing)
            waiting += training - computing
            seconds += training + rate.beside
        elif minutes:
            seconds += 60 * minutes + rate.beside
        else:
            is_known = False
        gigabytes += _run_bytes(settings[arm]) / 1e9
    hours = seconds / 3600 if is_known else None
    share = waiting / seconds if seconds else 0.0
    return Forecast(len(missing), hours, gigabytes, by_clock and is_known, share)


def find_rate(finished: Sequence[TrialRecord], baseline: PretrainSettings) -> Rate:
    """The rate of trials that finished here, or of a few steps of the baseline's model."""
    timed = [trial.compute for trial in finished if trial.compute is not None]
    flops = sum(compute.flops or 0.0 for compute in timed)
    seconds = sum(compute.seconds or 0.0 for compute in timed)
    if flops and seconds:
        walls = [_wall_seconds(trial) for trial in finished]
        beside = max(0.0, (sum(walls) - seconds) / len(finished))
        return Rate(
            flops / seconds,
            f"measured on {count_of(len(timed), 'trial')} that ended",
            beside,
            is_whole=True,
        )
    source = "measured on a few steps of the baseline's model just now"
    # Not on all systems.
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > cpu_count():
        source += f" beside other work (load {load:.0f} on {cpu_count()} cores)"
    return Rate(time_steps(baseline), source)


def time_steps(settings: PretrainSettings) -> float:
    """Operations a second of forward and backward passes of a model of this shape, on noise.

    The optimizer and the loss are not in it, so a training is a little slower. Neither are
    pictures, which `time_loading` times.
    """
    passes = _Passes(settings)
    # A small model takes almost as long for 4 pictures as for 128, so the training's own batch
    # decides; a large one takes seconds for that, and is as fast with fewer.
    most = settings.train.batch_size or _FIRST_BATCH
    batch = min(_FIRST_BATCH, most)
    # The first step builds what the others find ready.
    passes.time(batch, 1)
    while batch < most and passes.time(batch, 1) < _SHORT:
        batch = min(2 * batch, most)

    count = max(1, round(_SECONDS / passes.time(batch, 1)))
    return batch * passes.flops * count / passes.time(batch, count)


class _Passes:
    """Forward and backward passes of a model on noise, with random masks.

    flops: operations for a picture.
    """

    def __init__(self, settings: PretrainSettings) -> None:
        self.device = pick_device(settings.run.device)
        self.is_fast = pick_precision(self.device) == "bf16-mixed"
        self.config = model_config(settings)
        model = MaskedAutoencoder(self.config, torch_generator(0, "forecast"))
        self.model = model.to(self.device)
        # At the ratio where the training ends.
        ratio = parse_schedule(settings.mask.ratio).at(1.0)
        self.num_visible = visible_count(model.grid.num_patches, ratio)
        predicted = model.grid.num_patches - self.num_visible
        self.flops = count_step(self.config, self.num_visible, predicted).training

    def time(self, batch: int, count: int) -> float:
        """Seconds of `count` passes of a batch."""
        shape = (batch, self.config.channels, *self.config.image_size)
        images = torch.rand(shape, generator=torch_generator(0, "forecast")).to(self.device)
        mask = self._draw_mask(batch)
        begun = time.perf_counter()
        for _ in range(count):
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.is_fast):
                values = self.model(images, mask).values
            values.float().square().mean().backward()
        # Waits for a device that computes on its own.
        next(self.model.parameters()).grad.sum().item()  # type: ignore[union-attr]
        return time.perf_counter() - begun

    def _draw_mask(self, batch: int) -> PatchMask:
        scores = torch.zeros(batch, self.model.grid.num_patches)
        rng = sample_rng(0, 0, torch.arange(batch), "forecast")
        return split(scores, self.num_visible, rng=rng).to(self.device)


def _run_bytes(settings: PretrainSettings) -> float:
    """About how many bytes a run leaves: checkpoints, exported weights, figures."""
    # Shapes alone: a model on the meta device has no memory.
    with torch.device("meta"):
        model = MaskedAutoencoder(model_config(settings), torch_generator(0, "forecast"))
    count = sum(parameter.numel() for parameter in model.parameters())
    checkpoints = 1 + len(settings.run.keep or ())
    exported = 4 * count
    return _BYTES_PER_WEIGHT * count * checkpoints + exported + _OTHER_FILES


def _wall_seconds(trial: TrialRecord) -> float:
    """From the beginning of a trial to its end, by the clock."""
    begun, ended = (datetime.fromisoformat(str(stamp)) for stamp in (trial.started, trial.ended))
    return (ended - begun).total_seconds()
