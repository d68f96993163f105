"""The way back to pixels, for targets that have one."""

from __future__ import annotations

import torch

from maskwright.patches.target import PixelTarget
from maskwright.targets.contract.cases import TargetCase, assert_close


def check_pixel_shapes(case: TargetCase) -> None:
    """The way back gives pixels, and takes a difference where it takes the values."""
    patches = case.patches()
    values, stats = case.measure(patches), case.stats(patches)
    target = _pixels_of(case)
    pixels = target.to_pixels(values, stats)
    assert pixels.shape == patches.shape, (
        f"{case.line} made {tuple(pixels.shape)} pixels of values of patches"
        f" {tuple(patches.shape)}."
    )
    # Any step will do: a mean that is added back must cancel in the difference.
    moved = values + 0.25
    difference = target.to_pixels(moved, stats) - pixels
    assert_close(
        target.error_to_pixels(moved - values, stats),
        difference,
        f"{case.line}: error_to_pixels is not the difference that to_pixels makes",
        1e-4,
    )
    if case.target.traits.is_pixels and not case.target.traits.needs_stats:
        assert torch.equal(pixels, values), f"The values of {case.line} are not pixels."


def check_round_trip(case: TargetCase) -> None:
    """The picture comes back, or a projection that projects to itself."""
    patches = case.patches()
    values, stats = case.measure(patches), case.stats(patches)
    pixels = _pixels_of(case).to_pixels(values, stats)
    match case.target.traits.returns:
        case "picture":
            assert_close(pixels, patches, f"{case.line} does not give the picture back", 1e-4)
        case "projection":
            again = case.measure(pixels)
            assert_close(again, values, f"{case.line} projects its projection elsewhere", 1e-3)
        case _:
            # Nothing is promised but that there is something to look at.
            assert bool(pixels.isfinite().all()), f"{case.line} gave NaN or infinite pixels."


def _pixels_of(case: TargetCase) -> PixelTarget:
    assert isinstance(case.target, PixelTarget)
    return case.target
