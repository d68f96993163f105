"""The Laplacian term sees edges and seams of hidden pixels, and nothing else."""

import dataclasses

import pytest
import torch
from tests.losses.predictions import draw, half_mask, measure, true_values

from maskwright.losses.laplacian import laplacian
from maskwright.patches import Grid, Prediction, patchify, take
from maskwright.support.errors import MaskwrightError
from maskwright.targets.building import read_target


def slow_laplacian(image, neighbors):
    """Pixel by pixel, with the outermost pixel repeated beyond the border."""
    height, width = image.shape
    result = torch.zeros_like(image)
    steps = [(-1, 0), (1, 0), (0, -1), (0, 1)] + (
        [(-1, -1), (-1, 1), (1, -1), (1, 1)] if neighbors == 8 else []
    )
    for row in range(height):
        for col in range(width):
            for down, right in steps:
                near = image[
                    min(max(row + down, 0), height - 1), min(max(col + right, 0), width - 1)
                ]
                result[row, col] += near - image[row, col]
    return result


@pytest.mark.parametrize("neighbors", [4, 8])
def test_the_filter_agrees_with_a_slow_readable_one(neighbors):
    image = torch.randn(7, 5, dtype=torch.float64)
    assert torch.allclose(
        laplacian(image[None, None], neighbors)[0, 0], slow_laplacian(image, neighbors)
    )


def test_flat_and_sloping_pictures_have_no_edges_inside():
    rows = torch.arange(6.0)[:, None].expand(6, 6)
    assert laplacian(torch.ones(1, 1, 6, 6)).abs().max() == 0
    assert laplacian((3 * rows)[None, None])[..., 1:-1, :].abs().max() == 0


def test_a_constant_error_costs_only_at_the_seam_to_visible_patches():
    """Left half visible, right half off by one: each of the pixels along the seam has one neighbor
    that differs, all others none.
    """
    grid, mask = Grid(2, 4, 4), half_mask(2, 4)
    patches = torch.randn(1, 8, 16, dtype=torch.float64)
    values = take(patches, mask.predicted_ids) + 1
    prediction = Prediction(values, mask, patches, grid, read_target("raw"), torch.zeros(1, 5, 2))
    seam, hidden = 8, 8 * 8
    assert measure("laplacian", prediction).item() == pytest.approx(seam / hidden)
    assert measure("laplacian(compare='mse')", prediction).item() == pytest.approx(seam / hidden)


def test_pixels_of_visible_patches_do_not_enter_the_mean():
    """The filter on the composite differs from the truth beside the seam on the visible side too;
    the term leaves that out.
    """
    prediction = draw()
    edges = laplacian(prediction.pixel_errors()).abs()
    hidden = prediction.mask.is_masked
    own = patchify(edges, 4)
    assert own[~hidden].max() > 0
    assert measure("laplacian", prediction).item() == pytest.approx(own[hidden].mean().item())


def test_normalized_predictions_are_put_back_with_the_hidden_patches_own_statistics():
    """The same picture, predicted raw or normalized, costs the same."""
    raw, normalized = draw("raw"), draw("normalized")
    truth = take(raw.patches, raw.mask.predicted_ids)
    deviation = torch.sqrt(truth.var(-1, keepdim=True) + 1e-6)
    same = dataclasses.replace(
        raw, values=truth + (normalized.values - true_values(normalized)) * deviation
    )
    assert measure("laplacian", normalized).item() == pytest.approx(
        measure("laplacian", same).item(), rel=1e-9
    )


def test_patches_that_are_not_predicted_do_not_count():
    prediction = draw(num_predicted=3)
    errors = patchify(prediction.pixel_errors(), 4)
    elsewhere = torch.ones(3, 12, dtype=torch.bool).scatter_(
        1, prediction.mask.predicted_ids, False
    )
    assert errors[elsewhere].abs().max() == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("laplacian(compare='mae')", "one of l1, mse"),
        ("laplacian(neighbors=6)", "one of 4, 8"),
        ("laplace", "'laplacian'"),
    ],
)
def test_a_mistake_is_a_sentence(line, message):
    with pytest.raises(MaskwrightError, match=message):
        measure(line, draw())


@pytest.mark.parametrize("neighbors", [4, 8])
def test_the_laplacian_is_its_own_transpose_at_the_border_too(neighbors):
    rng = torch.Generator().manual_seed(0)
    images, other = (torch.rand(1, 2, 4, 5, dtype=torch.float64, generator=rng) for _ in range(2))
    there = (laplacian(images, neighbors) * other).sum()
    assert torch.isclose(there, (images * laplacian(other, neighbors)).sum(), atol=1e-12)
    assert torch.autograd.gradcheck(
        lambda pixels: laplacian(pixels, neighbors), images.requires_grad_()
    )
