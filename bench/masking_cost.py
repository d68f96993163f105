"""Print what drawing a batch of masks costs, per policy: PYTHONPATH=src python bench/masking_cost.py [device]."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch

from maskwright.masking.catalog import build_policy
from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.patches.grid import Grid
from maskwright.patches.mask import visible_count
from maskwright.support.environment import describe_device
from maskwright.support.seeding import sample_rng

RATIO = 0.75
ROUNDS = 30
SHAPES = ((128, Grid(8, 8), 150), (64, Grid(6, 6), 60), (16, Grid(14, 14), 500), (8, Grid(14, 14), 800))  # batch, grid, CPU step in ms
POLICIES = [
    "random",
    "grid",
    "grid(phase='global')",
    "block",
    "block(size=4)",
    "rectangles",
    "multiblock",
    "inverse_block",
    "red",
    "green",
    "blue",
    "purple",
    "0.5*random + 0.5*block",
    "blend(0.5*random + 0.5*block)",
]


def main() -> None:
    """Time every policy at every shape, interleaved, seed to PatchMask, and print medians beside the share of a training step."""
    device = torch.device(sys.argv[1] if len(sys.argv) > 1 else "cpu")
    print(
        f"{describe_device(device)}, {torch.get_num_threads()} threads, torch {torch.__version__}, median [10%..90%] ms of {ROUNDS} rounds"
    )
    for batch, grid, step in SHAPES:
        print(f"batch {batch}, {grid.rows}x{grid.cols} grid, training step about {step} ms on 2 cores")
        sample_ids = torch.arange(batch, device=device)
        policies = {text: build_policy(text) for text in POLICIES}
        spent: dict[str, list[float]] = {text: [] for text in POLICIES}
        for turn in range(ROUNDS + 3):
            for text, policy in policies.items():
                spent[text].append(_milliseconds(_drawing(policy, grid, sample_ids, turn), device))
        for text, times in spent.items():
            tenths = statistics.quantiles(times[3:], n=10)
            middle = statistics.median(times[3:])
            print(f"  {text:32}{middle:8.3f} [{tenths[0]:.3f}..{tenths[-1]:.3f}]{middle / step:9.2%}")


def _drawing(policy: Policy, grid: Grid, sample_ids: torch.Tensor, epoch: int) -> Callable[[], object]:
    num_masked = grid.num_patches - visible_count(grid.num_patches, RATIO)
    return lambda: mask_scene(policy, Scene(grid=grid, num_masked=num_masked, rng=sample_rng(0, epoch, sample_ids)))


def _milliseconds(draw: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    draw()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
