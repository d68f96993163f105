"""Print the shape of every policy's masks: PYTHONPATH=src python bench/mask_geometry.py [ratio]."""

from __future__ import annotations

import sys

import torch

from maskwright.diagnostics.geometry import measure_geometry
from maskwright.masking.catalog import build_policy
from maskwright.masking.policy import Scene, mask_scene
from maskwright.patches.grid import Grid
from maskwright.patches.mask import visible_count
from maskwright.support.seeding import sample_rng

DRAWS = 4000
POLICIES = [
    "random",
    "grid",
    "grid(phase='global')",
    "block(size=2)",
    "block(size=4)",
    "block(size=4, shift=True)",
    "rectangles",
    "rectangles(min_area=16)",
    "rectangles(roll=True)",
    "multiblock",
    "multiblock(roll=True)",
    "inverse_block(roll=False)",
    "inverse_block",
    "red(sigma=2)",
    "blue(sigma=1)",
    "green",
    "purple",
    "0.5*random + 0.5*block",
    "blend(0.5*random + 0.5*block)",
]


def main() -> None:
    """Print one table per grid."""
    ratio = float(sys.argv[1]) if len(sys.argv) > 1 else 0.75
    for grid in (Grid(8, 8), Grid(14, 14)):
        print(f"{grid.rows}x{grid.cols}, ratio {ratio:g}, {DRAWS} draws")
        print(f"  {'policy':32}{'ratio':>8}{'edge':>8}{'center':>8}{'distance':>10}{'boundary':>10}{'islands':>9}")
        for text in POLICIES:
            num_masked = grid.num_patches - visible_count(grid.num_patches, ratio)
            scene = Scene(grid=grid, num_masked=num_masked, rng=sample_rng(0, 0, torch.arange(DRAWS)), progress=0.5)
            shape = measure_geometry(mask_scene(build_policy(text), scene).is_masked, grid)
            shares = f"{shape.ratio:8.3f}{shape.edge:8.3f}{shape.center:8.3f}"
            print(f"  {text:32}{shares}{shape.distance:10.2f}{shape.boundary:10.3f}{shape.islands:9.1f}")


if __name__ == "__main__":
    main()
