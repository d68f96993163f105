"""Bases cut pictures into orthogonal parts, and shares of variance are hidden to within a part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from sklearn.decomposition import PCA
from torch import Tensor, nn

from maskwright.components import principal
from maskwright.components.basis import Basis, PictureShape, hidden_error, visible_picture
from maskwright.components.frequencies import FrequencyBands, band_of_each
from maskwright.components.hide import hide_share
from maskwright.components.principal import PrincipalComponents
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng, torch_generator

SHAPE = PictureShape(2, 6, 8)


def pictures(count: int = 40, seed: int = 0) -> Tensor:
    """Smooth pictures: sums of noise along both sides."""
    rng = torch_generator(seed, "pictures")
    return torch.randn(count, 2, 6, 8, generator=rng).cumsum(2).cumsum(3)


def build(name: str) -> Basis:
    basis: Basis
    basis = PrincipalComponents(SHAPE, 9) if name == "pca" else FrequencyBands(SHAPE, 3)
    basis.fit([pictures()[:25], pictures()[25:]])
    return basis


NAMES = pytest.mark.parametrize("name", ["pca", "dct"])


@NAMES
def test_shares_belong_to_the_ids_of_the_grid_and_sum_to_one(name: str) -> None:
    basis = build(name)
    assert basis.shares.shape == (basis.grid.num_patches,)
    assert basis.shares.sum().item() == pytest.approx(1, abs=1e-5)
    # pictures are smooth: the first part holds most
    assert basis.shares.argmax() == 0


@NAMES
def test_chosen_and_other_parts_sum_to_the_picture_and_are_orthogonal(name: str) -> None:
    basis, images = build(name), pictures(5, seed=1)
    chosen = torch.rand(5, len(basis.shares), generator=torch_generator(2)) < 0.5
    centered = images - basis.mean
    first, second = basis.part(centered, chosen), basis.part(centered, ~chosen)
    torch.testing.assert_close(first + second, centered, rtol=0, atol=1e-4)
    products = (first * second).flatten(1).sum(1)
    torch.testing.assert_close(products, torch.zeros(5), rtol=0, atol=1e-3)
    # a projection: taking the same parts again changes nothing
    torch.testing.assert_close(basis.part(first, chosen), first, rtol=0, atol=1e-4)


@NAMES
def test_the_variance_of_a_part_is_its_share(name: str) -> None:
    basis, images = build(name), pictures()
    centered = images - basis.mean
    total = centered.square().sum()
    for index in range(3):
        chosen = torch.zeros(len(images), len(basis.shares), dtype=torch.bool)
        chosen[:, index] = True
        share = basis.part(centered, chosen).square().sum() / total
        assert share.item() == pytest.approx(basis.shares[index].item(), rel=1e-3)


@NAMES
def test_the_loss_is_blind_to_visible_parts(name: str) -> None:
    basis, images = build(name), pictures(4, seed=3)
    is_hidden = torch.rand(4, len(basis.shares), generator=torch_generator(4)) < 0.5
    seen = visible_picture(basis, images, is_hidden)
    # replacing what is hidden leaves what is seen, and replacing what is seen leaves the loss
    other = basis.part(pictures(4, seed=5), is_hidden)
    torch.testing.assert_close(
        visible_picture(basis, images + other, is_hidden), seen, rtol=0, atol=1e-3
    )
    predicted = pictures(4, seed=6)
    moved = predicted + basis.part(pictures(4, seed=7), ~is_hidden)
    torch.testing.assert_close(
        hidden_error(basis, moved, images, is_hidden),
        hidden_error(basis, predicted, images, is_hidden),
        rtol=1e-4,
        atol=1e-4,
    )


@NAMES
def test_a_saved_basis_gives_the_same_parts(name: str, tmp_path: Path) -> None:
    basis = build(name)
    assert isinstance(basis, nn.Module)
    torch.save(basis.state_dict(), tmp_path / "b.pth")
    again = PrincipalComponents(SHAPE, 9) if name == "pca" else FrequencyBands(SHAPE, 3)
    again.load_state_dict(torch.load(tmp_path / "b.pth"))
    chosen = torch.rand(3, len(again.shares), generator=torch_generator(2)) < 0.5
    images = pictures(3)
    assert torch.equal(basis.part(images, chosen), again.part(images, chosen))


@pytest.mark.parametrize(("length", "bands"), [(96, 8), (32, 8), (8, 8), (9, 2), (224, 16)])
def test_bands_are_octaves_and_none_is_empty(length: int, bands: int) -> None:
    sizes = torch.bincount(band_of_each(length, bands), minlength=bands)
    assert len(sizes) == bands
    assert sizes.sum() == length
    assert sizes[0] == 1, "the mean brightness stands alone"
    # each about as many octaves wide as the next: sizes never fall
    assert bool((sizes.diff() >= 0).all())


def test_the_transform_is_scipys() -> None:
    basis, images = FrequencyBands(SHAPE, 3), pictures(2).double()
    ours = basis._transform(images)
    theirs = dctn(images.numpy(), axes=(2, 3), norm="ortho")
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_hidden_variance_is_the_ratio_to_within_half_a_part_and_on_average(ratio: float) -> None:
    # no part is larger than what is to be hidden or seen
    shares = torch.softmax(torch.linspace(1, -1, 40), 0)
    rng = sample_rng(0, 0, torch.arange(4000))
    is_hidden = hide_share(torch.zeros(4000, 40), shares, ratio, rng)
    hidden = (is_hidden * shares).sum(1)
    assert bool(((hidden - ratio).abs() <= float(shares.max()) / 2 + 1e-6).all())
    assert hidden.mean().item() == pytest.approx(ratio, abs=0.002)
    assert bool(is_hidden.any(1).all())
    assert not bool(is_hidden.all(1).any())


def test_larger_scores_are_hidden_first_and_a_sample_has_its_own_chance() -> None:
    shares = torch.full((10,), 0.1)
    scores = torch.arange(10.0).expand(3, -1)
    rng = sample_rng(0, 0, torch.tensor([5, 6, 7]))
    assert hide_share(scores, shares, 0.3, rng).nonzero()[:, 1].tolist() == [7, 8, 9] * 3
    ties = torch.zeros(2, 10)
    both = hide_share(ties, shares, 0.5, sample_rng(0, 0, torch.tensor([5, 6])))
    alone = hide_share(ties[:1], shares, 0.5, sample_rng(0, 0, torch.tensor([6])))
    assert torch.equal(both[1:], alone)
    assert not torch.equal(both[0], both[1])


def test_a_higher_ratio_only_hides_more() -> None:
    shares = torch.softmax(torch.linspace(2, -2, 12), 0)
    rng = sample_rng(0, 0, torch.arange(50))
    less = hide_share(torch.zeros(50, 12), shares, 0.3, rng)
    more = hide_share(torch.zeros(50, 12), shares, 0.7, sample_rng(0, 0, torch.arange(50)))
    assert bool((more | ~less).all())


def test_mistakes_are_sentences() -> None:
    with pytest.raises(MaskwrightError, match="have 1 to 95 principal"):
        PrincipalComponents(SHAPE, 96)
    with pytest.raises(MaskwrightError, match="need more pictures"):
        PrincipalComponents(SHAPE, 9).fit([pictures(9)])
    with pytest.raises(MaskwrightError, match="2 to 6 bands"):
        FrequencyBands(SHAPE, 7)
    with pytest.raises(MaskwrightError, match="all alike"):
        FrequencyBands(SHAPE, 3).fit([torch.ones(4, 2, 6, 8)])
    with pytest.raises(MaskwrightError, match=r"is in \(0, 1\)"):
        hide_share(
            torch.zeros(1, 3), torch.full((3,), 1 / 3), 1.0, sample_rng(0, 0, torch.arange(1))
        )


@pytest.mark.parametrize("exact_side", [4096, 100, 1])
@pytest.mark.parametrize("count", [60, 300])
def test_every_way_finds_the_directions_of_scikit_learn(
    monkeypatch: pytest.MonkeyPatch, exact_side: int, count: int
) -> None:
    rng = np.random.default_rng(0)
    spread = np.linspace(3, 0.5, 20)
    mixed = rng.normal(size=(count, 20)) * spread @ rng.normal(size=(20, 150))
    rows = torch.from_numpy(mixed - mixed.mean(0)).float()
    monkeypatch.setattr(principal, "_EXACT_SIDE", exact_side)
    before = torch.get_rng_state()
    found = principal.principal_directions(rows, 5, seed=3)
    # A training's own chance is left alone.
    assert torch.equal(torch.get_rng_state(), before)
    wanted = PCA(5, svd_solver="full").fit(rows.numpy()).components_
    assert np.abs((found.numpy() * wanted).sum(1)) == pytest.approx(1, abs=1e-3)


def test_equal_pictures_have_no_component() -> None:
    with pytest.raises(MaskwrightError, match="all alike"):
        PrincipalComponents(SHAPE, 3).fit([torch.ones(8, *pictures(1).shape[1:])])
