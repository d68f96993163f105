"""Time one training step of ours against transformers' ViTMAE, interleaved in one process; prints
the table of docs/log.md.

python bench/training_step.py [--rounds 10] [--shapes 0,1,2,3] [--no-memory] [--kept]; `--shapes ""`
measures memory alone, and shape 4 is vit_nano; --kept: freed memory is kept, as in `maskwright
pretrain`, for the peer too
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from maskwright.support.environment import keep_freed_memory, versions
from peers_and_ours import (
    PEAK_SHAPE,
    SHAPES,
    Shape,
    Step,
    build_our_step,
    build_peer_step,
    count_flops,
)

THIRD = 1 / 3


def measure_rounds(steps: dict[str, Step], rounds: int, warmup: int = 2) -> dict[str, list[float]]:
    """Seconds of each step in each round, taken in turn so that all meet the same weather."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + warmup):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= warmup:
                times[name].append(time.perf_counter() - start)
    return times


def build_product(size: int = 2048) -> Step:
    """A bfloat16 matrix product, the machine's peak in the same run."""
    left, right = torch.randn(2, size, size, dtype=torch.bfloat16)
    return lambda: torch.mm(left, right)


def measure_shape(shape: Shape, rounds: int) -> tuple[float, float]:
    """Print one line; returns the median ratios of the full and of the cross decoder against the
    peer.
    """
    steps = {
        "peer": build_peer_step(shape),
        "full": build_our_step(shape),
        "cross": build_our_step(shape, "cross", THIRD),
    }
    times = measure_rounds({**steps, "product": build_product()}, rounds)
    ratios = {
        name: [p / t for p, t in zip(times["peer"], times[name], strict=True)]
        for name in ("full", "cross")
    }
    shown = "  ".join(f"{name} {describe(times[name], 1e3)} ms" for name in steps)
    print(
        f"{shape!s:16} {shown}  full {describe(ratios['full'])}x  cross"
        f" {describe(ratios['cross'])}x",
        flush=True,
    )
    rates = [
        count_flops(shape) / seconds / (2 * 2048**3 / peak)
        for seconds, peak in zip(times["full"], times["product"], strict=True)
    ]
    print(f"{'':16} share of the 2048^3 product: {describe(rates, 100)} %", flush=True)
    return statistics.median(ratios["full"]), statistics.median(ratios["cross"])


def describe(values: list[float], scale: float = 1.0) -> str:
    """Median and quartiles."""
    low, middle, high = (scale * value for value in statistics.quantiles(values, n=4))
    return f"{middle:.4g} [{low:.4g}, {high:.4g}]"


def measure_memory() -> None:
    """Print the peak resident memory of two steps at batch 64, each side in a process
    of its own.
    """
    for side in ("peer", "full", "cross"):
        done = subprocess.run(
            [sys.executable, __file__, "--memory-of", side],
            capture_output=True,
            text=True,
            check=True,
        )
        print(
            f"peak RSS {PEAK_SHAPE} batch 64, {side}: {json.loads(done.stdout):.0f} MiB", flush=True
        )


def run_for_memory(side: str) -> None:
    shape = replace(PEAK_SHAPE, batch=64)
    step = (
        build_peer_step(shape)
        if side == "peer"
        else build_our_step(shape, side, 1.0 if side == "full" else THIRD)
    )
    for _ in range(2):
        step()
    print(peak_resident_mib())


def peak_resident_mib() -> float:
    """Peak of this process alone: getrusage would answer with the parent's peak, which survives
    fork and exec.
    """
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--shapes", default="0,1,2,3")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--memory-of")
    options = parser.parse_args()
    if options.memory_of:
        run_for_memory(options.memory_of)
        return
    if options.kept:
        keep_freed_memory()
    print(
        f"{versions()} threads {torch.get_num_threads()} load {os.getloadavg()[0]:.1f}"
        f" {Path(__file__).name}",
        flush=True,
    )
    if options.shapes == "":
        measure_memory()
        return
    ratios = [
        measure_shape(SHAPES[int(index)], options.rounds) for index in options.shapes.split(",")
    ]
    full, cross = (statistics.geometric_mean(column) for column in zip(*ratios, strict=True))
    print(
        f"geometric mean: full {full:.2f}x, cross with a third predicted {cross:.2f}x", flush=True
    )
    if not options.no_memory:
        measure_memory()


if __name__ == "__main__":
    main()
