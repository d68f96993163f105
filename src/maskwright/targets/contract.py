"""What every target has to keep, as named checks that run in a second, for any target.

With pytest, each is a test of its own:

    @pytest.mark.parametrize("check", list(target_checks("mine")), ids=str)
    def test_my_target(check):
        check()
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from maskwright.patches.grid import Grid
from maskwright.patches.mask import take
from maskwright.patches.pixels import PatchStats, patch_stats, patchify
from maskwright.patches.target import (
    FittedTarget,
    PatchShape,
    PatchTarget,
    PictureTarget,
    PixelTarget,
    Target,
    measure_target,
)
from maskwright.support.seeding import torch_generator
from maskwright.targets.building import build_target, read_target

# Squares, long pictures and one patch; gray, color and more channels.
SHAPES = ((Grid(4, 4, 4), 3), (Grid(3, 5, 8), 1), (Grid(1, 2, 6), 4))
PICTURES = 5


@dataclass(frozen=True)
class TargetCase:
    """A target on pictures of one shape.

    line: what builds it.
    target: fitted where it is fitted.
    grid: how the patches are arranged.
    channels: of the pictures.
    """

    line: str
    target: Target
    grid: Grid
    channels: int

    @property
    def shape(self) -> PatchShape:
        return PatchShape(self.grid.patch_size, self.channels)

    def patches(self, seed: int = 0, count: int = PICTURES) -> Tensor:
        """(count, N, P) patches of pictures with smooth parts, edges and noise."""
        return synthetic_patches(self.grid, self.channels, seed, count)

    def measure(self, patches_BNP: Tensor, target: Target | None = None) -> Tensor:
        """(B, N, T) values at all patches."""
        ids = torch.arange(self.grid.num_patches, device=patches_BNP.device)
        every = ids.expand(len(patches_BNP), -1)
        return measure_target(target or self.target, patches_BNP, self.grid, every)


@dataclass(frozen=True)
class TargetCheck:
    """One promise of one target on one shape; calling it raises AssertionError if it is broken.

    name: the promise and the shape, as in `finite-4x4-p4-c3`.
    run: the check itself.
    """

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        self.run()

    def __str__(self) -> str:
        return self.name


def target_checks(line: str, shapes: Sequence[tuple[Grid, int]] = SHAPES) -> Iterator[TargetCheck]:
    """Yield the checks of a target, each with a name of its own.

    Its line can be built from its own text, and what it promises agrees with what it has. On
    each shape: `values` are finite (B, N, T) numbers in float32, with float64 where pixels are;
    they are the same twice and carry no gradient; they depend on no other picture of the batch, on
    no other choice of patches, and not on autocast; and what is saved gives the same values again.
    Where it leads to pixels: shapes fit, differences go the same way as values, and the picture, or
    its projection, comes back.

    Targets that a network computes have the first two checks alone.
    """
    yield TargetCheck("line", partial(check_line, line))
    yield TargetCheck("promises", partial(check_promises, line))
    if read_target(line).traits.network is not None:
        return
    for grid, channels in shapes:
        case = build_case(line, grid, channels)
        size = f"{grid.rows}x{grid.cols}-p{grid.patch_size}-c{channels}"
        for name, check in _CHECKS.items():
            yield TargetCheck(f"{name}-{size}", partial(check, case))
        if case.target.traits.has_picture:
            for name, check in _PIXEL_CHECKS.items():
                yield TargetCheck(f"{name}-{size}", partial(check, case))


def check_target(line: str, shapes: Sequence[tuple[Grid, int]] = SHAPES) -> None:
    """Raise AssertionError, in a sentence, at the first promise that a target breaks."""
    for check in target_checks(line, shapes):
        check()


def build_case(line: str, grid: Grid, channels: int) -> TargetCase:
    """The target on a shape, fitted on pictures of chance where it is fitted."""
    target = build_target(line, PatchShape(grid.patch_size, channels))
    if isinstance(target, FittedTarget):
        target.fit(synthetic_patches(grid, channels, seed, 64) for seed in (10, 11))
    return TargetCase(line, target, grid, channels)


def synthetic_patches(grid: Grid, channels: int, seed: int, count: int) -> Tensor:
    """(count, N, P) patches of pictures with smooth parts, edges and noise, in float32."""
    rng = torch_generator(seed, "synthetic pictures")
    noise = torch.randn(count, channels, *grid.image_size, generator=rng)
    # sums along both axes are smooth; a step has an edge
    smooth = noise.cumsum(2).cumsum(3) / max(grid.image_size)
    step = (torch.arange(grid.image_size[1]) >= grid.image_size[1] // 2).float()
    return patchify(smooth + step + 0.1 * noise, grid.patch_size)


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
    _assert_close(case.measure(patches)[2:3], alone, f"{case.line}: batch mates change the values")


def check_choice(case: TargetCase) -> None:
    """Values at some patches are those at all patches, taken."""
    patches = case.patches()
    ids = torch.arange(0, case.grid.num_patches, 2).expand(len(patches), -1)
    some = measure_target(case.target, patches, case.grid, ids)
    every = take(case.measure(patches), ids)
    _assert_close(some, every, f"{case.line}: the choice of patches changes the values")


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
    _assert_close(
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


def check_pixel_shapes(case: TargetCase) -> None:
    """The way back gives pixels, and takes a difference where it takes the values."""
    patches = case.patches()
    values, stats = case.measure(patches), _stats(case, patches)
    target = _pixels_of(case)
    pixels = target.to_pixels(values, stats)
    assert pixels.shape == patches.shape, (
        f"{case.line} made {tuple(pixels.shape)} pixels of values of patches"
        f" {tuple(patches.shape)}."
    )
    moved = values + 0.25
    difference = target.to_pixels(moved, stats) - pixels
    _assert_close(
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
    values, stats = case.measure(patches), _stats(case, patches)
    pixels = _pixels_of(case).to_pixels(values, stats)
    match case.target.traits.returns:
        case "picture":
            _assert_close(pixels, patches, f"{case.line} does not give the picture back", 1e-4)
        case "projection":
            again = case.measure(pixels)
            _assert_close(again, values, f"{case.line} projects its projection elsewhere", 1e-3)
        case _:
            assert bool(pixels.isfinite().all()), f"{case.line} gave NaN or infinite pixels."


def _pixels_of(case: TargetCase) -> PixelTarget:
    assert isinstance(case.target, PixelTarget)
    return case.target


def _stats(case: TargetCase, patches: Tensor) -> PatchStats | None:
    return patch_stats(patches) if case.target.traits.needs_stats else None


def _assert_close(found: Tensor, expected: Tensor, complaint: str, most: float = 1e-5) -> None:
    """Equal up to rounding, relative to the largest value."""
    gap = float((found - expected).abs().max()) / max(1.0, float(expected.abs().max()))
    assert gap <= most, f"{complaint}, by {gap:.1e}."


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
