"""Print what drawing a batch of masks costs, per policy: PYTHONPATH=src python
bench/masking_cost.py [device].

Maps and attention are there already: what a loader or a teacher costs is not counted. Policies with
a network of their own are left out: it costs far more than drawing, and `training_step.py` is the
place for it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.patches.grid import Grid
from maskwright.support.environment import describe_device
from synthetic_scenes import build_initialized, build_scene

RATIO = 0.75
ROUNDS = 30
SHAPES = (  # batch, grid, CPU step in ms
    (128, Grid(8, 8, 4), 150),
    (64, Grid(6, 6, 16), 60),
    (16, Grid(14, 14, 16), 500),
    (8, Grid(14, 14, 16), 800),
)
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
    "foreground",
    "foreground(share=0.7)",
    "foreground(softness=0.2)",
    "parts(whole=0.5)",
    "parts(whole=0.5, protect=[eyes])",
    "part_ratios({eyes: 1, face: 0.9})",
    "guided",
    "guided(temperature=0.5, hint=0.1)",
    "hard",
    "red(mix=0.5)",
    "turns(random)",
    "0.5*random + 0.5*block",
    "blend(0.5*random + 0.5*block)",
]


def main() -> None:
    """Time every policy at every shape, interleaved, seed to PatchMask, and print medians beside
    the share of a training step.
    """
    device = torch.device(sys.argv[1] if len(sys.argv) > 1 else "cpu")
    print(
        f"{describe_device(device)}, {torch.get_num_threads()} threads, torch {torch.__version__},"
        f" median [10%..90%] ms of {ROUNDS} rounds"
    )
    for batch, grid, step in SHAPES:
        print(
            f"batch {batch}, {grid.rows}x{grid.cols} grid, training step about {step} ms on 2 cores"
        )
        sample_ids = torch.arange(batch, device=device)
        policies = {text: build_initialized(text, grid, batch, device) for text in POLICIES}
        scene = build_scene(grid, RATIO, sample_ids)
        spent: dict[str, list[float]] = {text: [] for text in POLICIES}
        for _ in range(ROUNDS + 3):
            for text, policy in policies.items():
                spent[text].append(_milliseconds(_drawing(policy, scene), device))
        for text, times in spent.items():
            tenths = statistics.quantiles(times[3:], n=10)
            middle = statistics.median(times[3:])
            print(
                f"  {text:36}{middle:8.3f} [{tenths[0]:.3f}..{tenths[-1]:.3f}]{middle / step:9.2%}"
            )


def _drawing(policy: Policy, scene: Scene) -> Callable[[], object]:
    """A call that draws the masks of a scene of which nothing has been computed yet."""
    fresh = replace(scene, cache={})
    return lambda: mask_scene(policy, fresh)


def _milliseconds(draw: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    draw()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
