"""Print the shape of every policy's masks beside reference numbers: PYTHONPATH=src python
bench/mask_geometry.py [ratio].

The references were simulated once, apart from this code, with 400 to 1500 draws at ratio 0.75; they
are left out at other ratios.
"""

from __future__ import annotations

import sys

import torch

from maskwright.diagnostics.geometry import MaskGeometry, measure_geometry
from maskwright.masking.policy import mask_scene
from maskwright.patches.grid import Grid
from synthetic_scenes import build_initialized, build_scene

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
    "foreground",
    "foreground(heavy=bg)",
    "foreground(heavy=fg, strength=1)",
    "foreground(heavy=proportional)",
    "foreground(softness=0.2)",
    "parts(whole=0)",
    "parts(whole=0.5)",
    "parts(whole=1)",
    "part_ratios({eyes: 1, face: 0.9})",
    "guided",
    "guided(hide='background')",
    "guided(hint=0.1)",
    "guided(temperature=0.5)",
    "guided(mix=0.5)",
    "hard",
    "predicted_hard",
    "adversarial",
    "adaptive",
    "0.5*random + 0.5*block",
    "blend(0.5*random + 0.5*block)",
    "turns(random)",
]
REFERENCES = {  # distance, boundary, islands at ratio 0.75
    (8, "random"): (1.26, 0.379, 9.5),
    (8, "grid"): (1.09, 0.448, 13.1),
    (8, "grid(phase='global')"): (1.14, 0.500, 16),
    (8, "block(size=2)"): (1.92, 0.171, 2.8),
    (8, "block(size=4)"): (2.90, 0.071, 1.0),
    (8, "rectangles"): (1.97, 0.174, 3.3),
    (8, "inverse_block(roll=False)"): (2.28, 0.126, 1.0),
    (8, "inverse_block"): (2.13, 0.133, 2.0),
    (8, "red(sigma=2)"): (2.46, 0.131, 1.6),
    (8, "blue(sigma=1)"): (1.20, 0.411, 11.1),
    (8, "green"): (1.30, 0.345, 7.7),
    (14, "random"): (1.24, 0.378, 27.3),
    (14, "grid"): (1.09, 0.442, 38.5),
    (14, "grid(phase='global')"): (1.14, 0.500, 49),
    (14, "block(size=2)"): (1.82, 0.184, 8.1),
    (14, "block(size=4)"): (2.75, 0.111, 3.7),
    (14, "rectangles"): (2.62, 0.124, 3.8),
    (14, "inverse_block(roll=False)"): (3.45, 0.072, 1.0),
    (14, "inverse_block"): (3.14, 0.076, 2.1),
    (14, "red(sigma=2)"): (2.98, 0.104, 2.5),
    (14, "blue(sigma=1)"): (1.17, 0.409, 32.4),
    (14, "green"): (1.27, 0.342, 21.6),
}


def main() -> None:
    """Print one table per grid, in Markdown."""
    torch.set_num_threads(1)
    ratio = float(sys.argv[1]) if len(sys.argv) > 1 else 0.75
    for grid in (Grid(8, 8, 2), Grid(14, 14, 2)):
        print(
            f"\n{grid.rows} x {grid.cols}, ratio {ratio:g}, {DRAWS} draws: ours (reference,"
            " difference)\n"
        )
        print(
            "| policy | edge | center | distance | boundary | islands |\n|---|---|---|---|---|---|"
        )
        for text in POLICIES:
            with torch.no_grad():
                mask = mask_scene(
                    build_initialized(text, grid, DRAWS, torch.device("cpu")),
                    build_scene(grid, ratio, torch.arange(DRAWS)),
                )
            shape = measure_geometry(mask.is_masked, grid)
            reference = REFERENCES.get((grid.rows, text)) if ratio == 0.75 else None
            print(
                f"| `{text}` | {shape.edge:.3f} | {shape.center:.3f} |"
                f" {_compare(shape, reference)} |"
            )


def _compare(shape: MaskGeometry, reference: tuple[float, float, float] | None) -> str:
    """The three numbers, each followed by its reference and the difference where there is one."""
    found = ((shape.distance, 2), (shape.boundary, 3), (shape.islands, 1))
    if reference is None:
        return " | ".join(f"{value:.{digits}f}" for value, digits in found)
    pairs = zip(found, reference, strict=True)
    return " | ".join(
        f"{value:.{digits}f} ({known:.{digits}f}, {value - known:+.{digits}f})"
        for (value, digits), known in pairs
    )


if __name__ == "__main__":
    main()
