"""Seconds and memory of training steps on any device, and the peak of its matrix products."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.patches.mask import visible_count
from peers_and_ours import RATIO, Place, Shape, Step, build_our_step, build_peer_step
from sizes import Sizes

THIRD = 1 / 3
EAGER = ("peer", "full", "cross")


@dataclass
class Timed:
    """A step that is timed in turns with others.

    step: what is timed.
    own_bytes: what it keeps on the device between steps, where the device says.
    """

    step: Step
    own_bytes: int
    seconds: list[float]
    peak_bytes: int = 0


def build_timed(name: str, shape: Shape, place: Place, compiled: bool = False) -> Timed:
    """One of `EAGER` by name."""
    before = bytes_in_use(place)
    if name == "peer":
        step = build_peer_step(shape, place, compiled)
    else:
        share = 1.0 if name == "full" else THIRD
        step = build_our_step(shape, name, share, place, compiled)
    step()  # the optimizer's moments come with the first step
    return Timed(step, bytes_in_use(place) - before, [])


def time_in_turns(steps: Mapping[str, Timed], sizes: Sizes) -> None:
    """Time steps one after another, round by round, so that all meet the same weather."""
    for turn in range(sizes.rounds + 1):
        for timed in steps.values():
            seconds = time_once(timed.step, sizes)
            if turn:  # the first round warms up
                timed.seconds.append(seconds)
    for timed in steps.values():
        timed.peak_bytes = measure_peak(timed, sizes.place)


def time_once(step: Step, sizes: Sizes) -> float:
    """Seconds of one step, over a few of them."""
    sizes.place.wait()
    started = time.perf_counter()
    for _ in range(sizes.repeats):
        step()
    sizes.place.wait()
    return (time.perf_counter() - started) / sizes.repeats


def measure_peak(timed: Timed, place: Place) -> int:
    """Bytes that a step needs at most, with its weights and moments; 0 where nobody counts."""
    if place.device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats()
    before = bytes_in_use(place)
    timed.step()
    place.wait()
    return torch.cuda.max_memory_allocated() - before + timed.own_bytes


def bytes_in_use(place: Place) -> int:
    """Bytes that tensors take on the device."""
    if place.device.type == "cuda":
        return torch.cuda.memory_allocated()
    return torch.mps.current_allocated_memory() if place.device.type == "mps" else 0


def measure_product(sizes: Sizes) -> float:
    """Operations per second of a square matrix product of random numbers: the peak in practice."""
    side = sizes.product
    dtype = sizes.place.dtype or torch.float32
    left, right = torch.randn(2, side, side, device=sizes.place.device, dtype=dtype)
    times = [time_once(lambda: torch.mm(left, right), sizes) for _ in range(sizes.rounds + 3)]
    return 2 * side**3 / statistics.median(times[3:])


def count_operations(shape: Shape, decoder: str) -> int:
    """Operations of a step's matrix products, forward and backward; the peer's are those of
    `full`.
    """
    share = THIRD if decoder == "cross" else 1.0
    config = ModelConfig(
        image_size=(shape.image, shape.image),
        patch_size=shape.patch,
        width=shape.width,
        depth=shape.depth,
        heads=shape.heads,
        decoder="cross" if decoder == "cross" else "full",
        decoder_width=shape.decoder_width,
        decoder_depth=shape.decoder_depth,
        decoder_heads=shape.decoder_heads,
    )
    visible = visible_count(shape.num_patches, RATIO)
    predicted = max(1, round((shape.num_patches - visible) * share))
    return shape.batch * count_step(config, visible, predicted).training


def describe(timed: Timed, shape: Shape, name: str, peak: float) -> dict[str, float]:
    """The numbers of one step, ready for JSON."""
    middle = statistics.median(timed.seconds)
    return {
        "milliseconds": round(1000 * middle, 3),
        "slowest_milliseconds": round(1000 * max(timed.seconds), 3),
        "images_per_s": round(shape.batch / middle, 1),
        "gigabytes": round(timed.peak_bytes / 1e9, 2),
        "share_of_peak": round(count_operations(shape, name) / middle / peak, 4),
    }


def with_batch(shape: Shape, batch: int) -> Shape:
    """The shape with another number of pictures."""
    return replace(shape, batch=batch)
