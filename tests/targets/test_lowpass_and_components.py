"""What is left of pictures by frequency, and by principal components."""

import math

import pytest
import torch

from maskwright.patches import Grid, patchify
from maskwright.patches.target import PatchShape
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.targets.components import ComponentsSettings, PatchComponents
from maskwright.targets.contract.cases import build_case, synthetic_patches
from maskwright.targets.lowpass import low_pass_matrix

SHAPE = PatchShape(4, 3)


@pytest.mark.parametrize("by", ["gaussian", "dct"])
def test_the_mean_passes_and_a_cosine_is_damped_by_its_frequency(by) -> None:
    matrix = low_pass_matrix(32, 0.125, by)
    assert torch.allclose(matrix @ torch.ones(32, dtype=torch.float64), torch.ones(32).double())
    for order in (4, 8, 12):
        wave = torch.cos(math.pi / 32 * order * (torch.arange(32).double() + 0.5))
        frequency = order / 64
        gain = (
            float(frequency <= 0.125) if by == "dct" else math.exp(-((frequency / 0.125) ** 2) / 2)
        )
        assert torch.allclose(matrix @ wave, gain * wave, atol=1e-9)


@pytest.mark.parametrize("by", ["gaussian", "dct"])
def test_the_cutoff_is_in_waves_per_patch_whatever_its_size(by) -> None:
    """The same picture at twice the size, in patches of twice the side, is damped alike."""
    line = f"lowpass(cutoff=0.5, by='{by}')"
    left = []
    for size in (4, 8):
        grid = Grid(4, 4, size)
        rows = torch.arange(4 * size).double()
        wave = torch.cos(math.pi / (4 * size) * 3 * (rows + 0.5))
        images = wave[None, None, :, None].expand(1, 1, -1, 4 * size)
        case = build_case(line, grid, 1)
        values = case.measure(patchify(images, size))
        left.append(float(values.abs().max() / wave.abs().max()))
    assert left[0] == pytest.approx(left[1], rel=1e-6)


def fitted(**options) -> PatchComponents:
    target = ComponentsSettings(**options).build(SHAPE)
    target.fit(synthetic_patches(Grid(4, 4, 4), 3, seed, 64) for seed in range(3))
    return target


def test_low_and_high_components_share_out_the_patch() -> None:
    low, high = fitted(part="low", share=0.75), fitted(part="high", share=0.25)
    assert (low.basis.shape[1], high.basis.shape[1]) == (36, 12)
    both = torch.cat([low.basis, high.basis], dim=1)
    assert torch.allclose(both.T @ both, torch.eye(48), atol=1e-5)
    patches = synthetic_patches(Grid(4, 4, 4), 3, 9, 8)
    parts = [
        target.to_pixels(target.of_patches(patches), None) - low.mean for target in (low, high)
    ]
    assert torch.allclose(parts[0] + parts[1] + low.mean, patches, atol=1e-4)
    # What is kept of the variance is little in the one and most in the other.
    assert parts[1].square().mean() > 3 * parts[0].square().mean()


@pytest.mark.parametrize("whiten", [False, True])
def test_coordinates_have_mean_square_one_where_they_were_fitted(whiten) -> None:
    target = fitted(whiten=whiten)
    patches = torch.cat([synthetic_patches(Grid(4, 4, 4), 3, seed, 64) for seed in range(3)])
    values = target.of_patches(patches)
    assert float(values.square().mean()) == pytest.approx(1, abs=1e-2)
    deviations = values.flatten(0, 1).std(0)
    assert (float(deviations.max() / deviations.min()) < 1.01) == whiten


def test_a_fit_is_the_same_twice() -> None:
    assert torch.equal(fitted().basis, fitted().basis)


def test_gray_pictures_read_as_color_have_empty_components() -> None:
    gray = synthetic_patches(Grid(4, 4, 4), 1, 0, 64).repeat_interleave(3, 2)
    for options in ({"whiten": True}, {"share": 0.3}):
        with pytest.raises(MaskwrightError, match="--channels 1"):
            ComponentsSettings(**options).build(SHAPE).fit([gray])
    high = ComponentsSettings(part="high", share=0.25).build(SHAPE)
    high.fit([gray + 0 * torch.rand(1, generator=torch_generator(0))])
    assert bool(high.of_patches(gray).isfinite().all())
