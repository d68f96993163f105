"""What every target keeps: its line, its promises, and values that depend on the picture alone."""

from __future__ import annotations

import copy

import torch
from torch import nn

from maskwright.patches.mask import take
from maskwright.patches.target import (
    PatchShape,
    PatchTarget,
    PictureTarget,
    PixelTarget,
    measure_target,
)
from maskwright.targets.building import build_target, read_target
from maskwright.targets.contract.cases import TargetCase, assert_close


def check_line(line: str) -> None:
    """What the target is called builds the same target again."""
    read = read_target(line)
    again = read_target(str(read))
    assert again == read, f"'{line}' calls itself '{read}', which builds {again}."


def check_promises(line: str) -> None:
    """A target has the methods of its traits, and one way to get its values."""
    target = build_target(line, PatchShape(4, 3))
    traits = target.traits
    ways = [isinstance(target, PatchTarget), isinstance(target, PictureTarget)]
    ways.append(traits.network is not None)
    assert sum(ways) == 1, (
        f"{line} needs exactly one of of_patches, of_pictures and traits.network; it has"
        f" {sum(ways)}."
    )
    has_way_back = isinstance(target, PixelTarget)
    assert has_way_back == traits.has_picture, (
        f"{line} says that it returns '{traits.returns}' and has"
        f" {'' if has_way_back else 'no '}to_pixels and error_to_pixels."
    )


def check_values(case: TargetCase) -> None:
    """Finite numbers of the right shape and type."""
    patches = case.patches()
    for dtype, expected in ((torch.float32, torch.float32), (torch.float64, torch.float64)):
        values = case.measure(patches.to(dtype))
        wanted = (*patches.shape[:2], case.target.num_values(case.shape))
        assert tuple(values.shape) == wanted, (
            f"{case.line} gave values of shape {tuple(values.shape)}; expected {wanted}."
        )
        assert values.dtype == expected, f"{case.line} made {values.dtype} of {dtype} pixels."
        assert bool(values.isfinite().all()), f"{case.line} gave NaN or infinite values."
    # flat pictures have no gradient, no deviation and no frequencies
    flat = case.measure(torch.full_like(patches, 0.3))
    assert bool(flat.isfinite().all()), f"{case.line} gave NaN or infinite values of flat patches."


def check_determinism(case: TargetCase) -> None:
    """The same values twice, without the global generator, and without a gradient."""
    patches = case.patches().requires_grad_(True)
    before = torch.get_rng_state()
    first, second = case.measure(patches), case.measure(patches)
    assert torch.equal(first, second), f"{case.line} gave other values for the same pictures."
    assert torch.equal(before, torch.get_rng_state()), (
        f"{case.line} uses the global random generator; a target has no chance in it."
    )
    assert not first.requires_grad, f"The values of {case.line} carry a gradient."


def check_batch_mates(case: TargetCase) -> None:
    """A picture's values do not depend on the other pictures of the batch."""
    patches = case.patches()
    alone = case.measure(patches[2:3])
    assert_close(case.measure(patches)[2:3], alone, f"{case.line}: batch mates change the values")


def check_choice(case: TargetCase) -> None:
    """Values at some patches are those at all patches, taken."""
    patches = case.patches()
    ids = torch.arange(0, case.grid.num_patches, 2).expand(len(patches), -1)
    some = measure_target(case.target, patches, case.grid, ids)
    every = take(case.measure(patches), ids)
    assert_close(some, every, f"{case.line}: the choice of patches changes the values")


def check_autocast(case: TargetCase) -> None:
    """Half precision around the step does not reach the target."""
    patches = case.patches()
    plain = case.measure(patches)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = case.measure(patches)
    assert torch.equal(plain, mixed), f"Under autocast {case.line} gave other values."


def check_precision(case: TargetCase) -> None:
    """Values in float32 are those in float64, to rounding."""
    patches = case.patches()
    exact = case.measure(patches.double())
    assert_close(
        case.measure(patches).double(), exact, f"{case.line}: float32 differs from float64", 1e-3
    )


def check_saving(case: TargetCase) -> None:
    """A target with a state, saved and loaded into a new one, gives the same values."""
    again = build_target(case.line, case.shape)
    if isinstance(case.target, nn.Module):
        assert isinstance(again, nn.Module)
        again.load_state_dict(copy.deepcopy(case.target.state_dict()))
    patches = case.patches()
    assert torch.equal(case.measure(patches), case.measure(patches, again)), (
        f"{case.line} gave other values after it was saved and loaded; what it has fitted belongs"
        " into buffers."
    )
