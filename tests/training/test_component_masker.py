"""A step that hides components: what is seen, what is compared, what it costs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from maskwright.components.basis import PictureShape, hidden_error
from maskwright.components.frequencies import FrequencyBands
from maskwright.components.mask import ComponentMask
from maskwright.components.parts import HiddenParts
from maskwright.components.principal import PrincipalComponents
from maskwright.losses.objective import build_objective
from maskwright.masking.catalog import build_policy
from maskwright.masking.components import ComponentsPolicy
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches import PixelScale, unpatchify
from maskwright.schedules import parse_schedule
from maskwright.support.seeding import torch_generator
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.masker import MaskerSettings
from maskwright.training.shown import Shown
from tests.small_models import TINY

SCALE = PixelScale((0.5,) * 3, (0.25,) * 3)
SHAPE = PictureShape(3, 16, 16)
MODELS = {
    decoder: MaskedAutoencoder(dataclasses.replace(TINY, decoder=decoder, target="raw"))
    for decoder in ("full", "cross")
}


def pictures(count: int, seed: int = 0) -> Tensor:
    """Smooth pictures."""
    rng = torch_generator(seed, "pictures")
    return torch.randn(count, 3, 16, 16, generator=rng).cumsum(2).cumsum(3) / 16


def masker(line: str = "components(of=block(size=2))", ratio: Any = 0.6) -> ComponentMasker:
    policy = build_policy(line)
    assert isinstance(policy, ComponentsPolicy)
    basis: PrincipalComponents | FrequencyBands
    basis = PrincipalComponents(SHAPE, 12) if policy.basis == "pca" else FrequencyBands(SHAPE, 4)
    basis.fit([pictures(40)])
    settings = MaskerSettings(ratio=parse_schedule(ratio), seed=0)
    return ComponentMasker(policy, settings, basis, MODELS["full"].grid, SCALE)


def draw(of: ComponentMasker, count: int, **options: Any) -> ComponentMask:
    shown = Shown(
        images=torch.zeros(count, 3, 16, 16),
        sample_ids=torch.arange(count),
        mask_ids=None,
        priors={},
        views=torch.zeros(count, 5),
    )
    return of.draw(of.scene(shown, **{"epoch": 0, "step": 0, "progress": 0.0, **options}))


@pytest.mark.parametrize("decoder", MODELS)
@pytest.mark.parametrize("line", ["components", "components(dct)"])
def test_the_loss_is_the_error_in_hidden_parts_and_blind_to_the_rest(
    line: str, decoder: str
) -> None:
    of, model, images = masker(line), MODELS[decoder], pictures(6, seed=1)
    mask = draw(of, 6)
    prediction = of.predict(model, images, mask)
    value = build_objective("mse")(prediction, images).total
    # by the other road: the whole predicted picture, then the error in its hidden parts
    seen = images - of.basis.part(images - of.basis.mean, mask.is_hidden)
    whole = model(seen, mask.predict_all(), visible=True).seen_values()
    error = hidden_error(of.basis, unpatchify(whole, model.grid), images, mask.is_hidden)
    assert value.item() == pytest.approx(error.item(), rel=1e-4)
    # hidden parts of other pictures: what the encoder sees and predicts is the same
    other = images + of.basis.part(pictures(6, seed=2), mask.is_hidden)
    again = of.predict(model, other, mask)
    torch.testing.assert_close(again.values, prediction.values, rtol=0, atol=1e-4)
    assert not torch.allclose(again.targets(), prediction.targets(), atol=0.1)


def test_every_term_that_compares_pictures_compares_hidden_parts_alone() -> None:
    of, images = masker(), pictures(4, seed=1)
    mask = draw(of, 4)
    prediction = of.predict(MODELS["full"], images, mask)
    for line in ("mse", "l1", "laplacian", "focal_frequency", "mse + 0.1*uniformity"):
        value = build_objective(line)(prediction, images).total
        assert value.isfinite()
        assert value.requires_grad
    # a prediction that is right in the hidden parts costs nothing, whatever it says of the others
    right = dataclasses.replace(prediction, values=prediction.targets())
    for line in ("mse", "l1", "laplacian", "focal_frequency"):
        assert build_objective(line)(right, images).total.item() == pytest.approx(0, abs=1e-6)


def test_parts_for_people_sum_up() -> None:
    of, images = masker("components(dct)"), pictures(5, seed=3)
    parts = HiddenParts.of(of.predict(MODELS["full"], images, draw(of, 5)))
    torch.testing.assert_close(parts.original, images, rtol=0, atol=1e-5)
    torch.testing.assert_close(parts.seen + parts.true, images, rtol=0, atol=1e-4)
    perfect = dataclasses.replace(parts, predicted=parts.true)
    nothing = dataclasses.replace(parts, predicted=torch.zeros_like(parts.true))
    torch.testing.assert_close(perfect.composite, images, rtol=0, atol=1e-4)
    assert perfect.explained().tolist() == pytest.approx([1.0] * 5)
    assert nothing.explained().tolist() == pytest.approx([0.0] * 5)


def test_what_is_hidden_belongs_to_sample_and_epoch_and_follows_the_ratio() -> None:
    of = masker(ratio="0.2->0.9")
    first = draw(of, 5, step=3)
    assert torch.equal(first.is_hidden, draw(masker(ratio="0.2->0.9"), 5).is_hidden)
    assert not torch.equal(first.is_hidden, draw(of, 5, epoch=1).is_hidden)
    late = draw(of, 5, progress=1.0)
    assert bool((late.hidden_shares >= first.hidden_shares).all())
    assert float(of.share_masked(late)) == pytest.approx(float(late.hidden_shares.mean()))


def test_all_patches_are_seen_and_predicted_and_projections_are_charged() -> None:
    of = masker()
    mask = draw(of, 3)
    assert (mask.num_visible, mask.num_masked, mask.predicted_ids.shape[1]) == (16, 0, 16)
    assert of.count_patches(0.5) == (16, 16)
    # there and back, a multiply-add counted as two, four times for each of three pictures
    assert of.take_spent()["policy_flops"] == 3 * 4 * (2 * 2 * 12 * 768)
    assert of.take_spent()["policy_flops"] == 0


def test_the_basis_travels_with_the_module() -> None:
    state = masker().state_dict()
    assert {"basis.mean", "basis.shares", "basis.directions"} <= set(state)
