"""The checks of a target by name, and one call that runs them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from maskwright.patches.grid import Grid
from maskwright.support.named_check import NamedCheck
from maskwright.targets.building import read_target
from maskwright.targets.contract.cases import SHAPES, TargetCase, build_case
from maskwright.targets.contract.pixels import check_pixel_shapes, check_round_trip
from maskwright.targets.contract.values import (
    check_autocast,
    check_batch_mates,
    check_choice,
    check_determinism,
    check_line,
    check_precision,
    check_promises,
    check_saving,
    check_values,
)

# What holds for every target, and what for those that lead back to pixels.
_CHECKS: dict[str, Callable[[TargetCase], None]] = {
    "values": check_values,
    "determinism": check_determinism,
    "batch_mates": check_batch_mates,
    "choice": check_choice,
    "autocast": check_autocast,
    "precision": check_precision,
    "saving": check_saving,
}
_PIXEL_CHECKS: dict[str, Callable[[TargetCase], None]] = {
    "pixel_shapes": check_pixel_shapes,
    "round_trip": check_round_trip,
}


def target_checks(line: str, shapes: Sequence[tuple[Grid, int]] = SHAPES) -> Iterator[NamedCheck]:
    """Yield the checks of a target, each with a name of its own.

    Its line can be built from its own text, and what it promises agrees with what it has. On
    each shape: `values` are finite (B, N, T) numbers in float32, with float64 where pixels are;
    they are the same twice and carry no gradient; they depend on no other picture of the batch, on
    no other choice of patches, and not on autocast; and what is saved gives the same values again.
    Where it leads to pixels: shapes fit, differences go the same way as values, and the picture, or
    its projection, comes back.

    Targets that a network computes have the first two checks alone.
    """
    yield NamedCheck("line", partial(check_line, line))
    yield NamedCheck("promises", partial(check_promises, line))
    # The values of a network are computed by the training, which this room lies below.
    if read_target(line).traits.network is not None:
        return
    for grid, channels in shapes:
        case = build_case(line, grid, channels)
        size = f"{grid.rows}x{grid.cols}-p{grid.patch_size}-c{channels}"
        for name, check in _CHECKS.items():
            yield NamedCheck(f"{name}-{size}", partial(check, case))
        if case.target.traits.has_picture:
            for name, check in _PIXEL_CHECKS.items():
                yield NamedCheck(f"{name}-{size}", partial(check, case))


def check_target(line: str, shapes: Sequence[tuple[Grid, int]] = SHAPES) -> None:
    """Raise AssertionError, in a sentence, at the first promise that a target breaks."""
    for check in target_checks(line, shapes):
        check()
