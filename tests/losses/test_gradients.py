"""Every term's gradient agrees with finite differences in float64, and perfect predictions cost
nothing.
"""

import dataclasses

import pytest
import torch
from tests.losses.predictions import draw, images_of, measure, true_values

from maskwright.losses.catalog import TERMS, term_examples
from maskwright.losses.objective import build_objective
from maskwright.losses.selection import composite_mse, mask_entropy, sparsity
from maskwright.patches import PixelScale
from maskwright.support.seeding import torch_generator
from maskwright.weights.vgg import load_vgg

SCALE = PixelScale((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
TINY_VGG = term_examples("perceptual")[0]
# Uniformity looks at the latent alone and has a test of its own below.
PIXEL_TERMS = [line for name in TERMS if name != "uniformity" for line in term_examples(name)]


def load_double(settings):
    return load_vgg("vgg19", settings.layers_used(), "random").double()


PARTS = {"scale": SCALE, "load_extractor": load_double}


@pytest.mark.parametrize("target", ["raw", "normalized"])
@pytest.mark.parametrize("term", PIXEL_TERMS)
def test_the_gradient_at_predicted_values_agrees_with_finite_differences(term, target):
    prediction = draw(target, batch=1 if "perceptual" in term else 2, num_predicted=5)
    objective = build_objective(term, **PARTS)

    def cost(values, seen):
        return objective(
            dataclasses.replace(prediction, values=values, visible_values=seen),
            images_of(prediction),
        ).total

    seen = prediction.visible_values.requires_grad_("visible" in term)
    inputs = (prediction.values.requires_grad_(True), seen)
    assert torch.autograd.gradcheck(
        cost, inputs, eps=1e-6, atol=1e-8, rtol=1e-5, fast_mode="perceptual" in term
    )


@pytest.mark.parametrize("of", ["mean", "class"])
def test_the_gradient_of_uniformity_at_the_latent_agrees_with_finite_differences(of):
    prediction, objective = draw(), build_objective(f"uniformity(t=2.0, of='{of}')")

    def cost(latent):
        return objective(
            dataclasses.replace(prediction, latent=latent), images_of(prediction)
        ).total

    assert torch.autograd.gradcheck(
        cost, (prediction.latent.requires_grad_(True),), eps=1e-6, atol=1e-9, rtol=1e-6
    )


@pytest.mark.parametrize("over", ["patch", "composite"])
def test_focal_weights_are_held_still_by_the_gradient(over):
    """The gradient is that of the same sum with the weights of this moment as constants."""
    prediction = draw("normalized", batch=2)
    values = prediction.values.requires_grad_(True)
    measure(
        f"focal_frequency(over='{over}', alpha=1)", dataclasses.replace(prediction, values=values)
    ).backward()

    def spectrum(predicted):
        moved = dataclasses.replace(prediction, values=predicted)
        if over == "composite":
            return torch.fft.fft2(moved.pixel_errors(), norm="ortho").abs()
        errors = predicted - true_values(prediction)
        return torch.fft.fft2(errors.unflatten(2, (4, 4, 3)), dim=(2, 3), norm="ortho").abs()

    start = spectrum(values.detach())
    weights = start / start.amax((-2, -1) if over == "composite" else (2, 3), keepdim=True)
    share = 8 / 12 if over == "composite" else 1.0
    step = torch.randn(values.shape, dtype=values.dtype, generator=torch_generator(1))
    up, down = (
        (weights * spectrum(values.detach() + sign * 1e-6 * step).square()).mean() / share
        for sign in (1, -1)
    )
    assert ((up - down) / 2e-6).item() == pytest.approx((values.grad * step).sum().item(), rel=1e-6)


@pytest.mark.parametrize("target", ["raw", "normalized"])
@pytest.mark.parametrize("term", [term for term in PIXEL_TERMS if "visible" not in term])
def test_the_true_patches_cost_nothing(term, target):
    prediction = draw(target)
    perfect = dataclasses.replace(prediction, values=true_values(prediction))
    assert measure(term, perfect, **PARTS).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("term", [*PIXEL_TERMS, "focal_frequency", "uniformity"])
def test_no_gradient_reaches_the_true_pixels(term):
    prediction = draw("normalized")
    prediction.values.requires_grad_(True)
    prediction.latent.requires_grad_(True)
    prediction.visible_values.requires_grad_(True)
    total = measure(term, prediction, **PARTS)
    assert total.requires_grad
    total.backward()
    assert prediction.patches.grad is None


@pytest.mark.parametrize(
    "loss",
    [
        lambda keep, images, made: composite_mse(images + keep.mean() * (made - images), images),
        lambda keep, images, made: sparsity(keep),
        lambda keep, images, made: mask_entropy(keep),
    ],
)
def test_the_gradients_of_selection_losses_agree_with_finite_differences(loss):
    rng = torch_generator(2)
    keep = (
        torch.rand(2, 12, dtype=torch.float64, generator=rng).mul(0.8).add(0.1).requires_grad_(True)
    )
    images, made = torch.randn(2, 2, 3, 12, 16, dtype=torch.float64, generator=rng)
    assert torch.autograd.gradcheck(
        lambda probability: loss(probability, images, made), (keep,), eps=1e-6, atol=1e-8
    )
