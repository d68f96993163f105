"""Picture measures, AUROC and bootstrap intervals against answers known beforehand."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from sklearn.metrics import roc_auc_score

from maskwright.evaluation.metrics import (
    Interval,
    auroc_interval,
    auroc_of_counts,
    bootstrap_interval,
    masked_mse,
    masked_psnr,
    paired_difference,
    psnr,
    ssim,
)
from maskwright.support.errors import MaskwrightError


def test_an_error_of_a_tenth_everywhere_is_20_decibels():
    truth = torch.full((2, 3, 8, 8), 0.5)
    assert torch.allclose(psnr(truth + 0.1, truth), torch.tensor([20.0, 20.0]), atol=1e-4)


def test_identical_pictures_count_as_100_decibels_not_infinity():
    truth = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(psnr(truth, truth), torch.tensor([100.0, 100.0]))


def test_masked_measures_look_at_hidden_pixels_alone():
    truth = torch.zeros(1, 3, 4, 4)
    hidden = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    hidden[..., :2] = True
    wrong = torch.where(hidden, 0.1, 0.9).expand(1, 3, 4, 4)
    assert masked_mse(wrong, truth, hidden).item() == pytest.approx(0.01)
    assert masked_psnr(wrong, truth, hidden).item() == pytest.approx(20.0, abs=1e-4)


def test_each_image_gets_its_own_number():
    truth = torch.zeros(2, 1, 4, 4)
    hidden = torch.ones(2, 1, 4, 4, dtype=torch.bool)
    wrong = torch.stack([torch.full((1, 4, 4), 0.1), torch.full((1, 4, 4), 0.01)])
    assert torch.allclose(masked_psnr(wrong, truth, hidden), torch.tensor([20.0, 40.0]), atol=1e-3)


def test_ssim_agrees_with_scikit_image_up_to_how_borders_are_mirrored():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(2, 1, 96, 64, generator=generator)
    other = (truth + 0.2 * torch.randn(truth.shape, generator=generator)).clamp(0, 1)
    options = {
        "data_range": 1.0,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "full": True,
    }
    pairs = zip(other.numpy(), truth.numpy(), strict=True)
    expected = [structural_similarity(a[0], b[0], **options)[1].mean() for a, b in pairs]
    assert ssim(other, truth).tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("side", [3, 4, 7, 8, 10, 11, 12])
def test_ssim_of_equal_pictures_is_one_at_any_size(side):
    truth = torch.rand(2, 3, side, side + 2, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ssim(truth, truth), torch.ones(2))


def test_ssim_refuses_pictures_smaller_than_its_smallest_window():
    with pytest.raises(MaskwrightError, match="at least 3 pixels"):
        ssim(torch.zeros(1, 1, 2, 8), torch.zeros(1, 1, 2, 8))


def test_auroc_agrees_with_scikit_learn_with_ties_and_repetitions():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 6, 60).astype(float), rng.random(60) < 0.4
    counts = rng.integers(0, 3, (5, 60)).astype(float)
    expected = [roc_auc_score(positive, scores, sample_weight=row) for row in counts]
    assert auroc_of_counts(scores, positive, counts) == pytest.approx(expected)


def test_auroc_has_no_answer_for_one_kind_of_image():
    assert auroc_interval(torch.arange(4.0), torch.ones(4, dtype=torch.bool)) is None


def test_auroc_survives_draws_without_a_single_positive():
    found = auroc_interval(torch.arange(8.0), torch.arange(8) == 7)
    assert found is not None
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_the_interval_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(1)
    draws = [bootstrap_interval(rng.random(100) < 0.7, seed, resamples=200) for seed in range(200)]
    share = np.mean([found.low <= 0.7 <= found.high for found in draws])
    assert 0.88 <= share <= 0.99


@pytest.mark.parametrize(("level", "errors"), [(0.95, 1.96), (0.5, 0.674)])
def test_the_interval_is_as_wide_as_its_level_says(level: float, errors: float) -> None:
    """Of many images it is nearly the mean plus and minus so many standard errors on
    either side.
    """
    rights = torch.tensor([1.0] * 600 + [0.0] * 400)
    found = bootstrap_interval(rights, level=level, resamples=4000)
    half = errors * (0.6 * 0.4 / 1000) ** 0.5
    assert found.value - found.low == pytest.approx(half, rel=0.06)
    assert found.high - found.value == pytest.approx(half, rel=0.06)


def test_the_interval_holds_the_mean_and_repeats_with_its_seed():
    values = torch.rand(50, generator=torch.Generator().manual_seed(0))
    found = bootstrap_interval(values, seed=3)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(values.double().mean().item())
    assert found == bootstrap_interval(values, seed=3)
    assert found != bootstrap_interval(values, seed=4)


def test_nothing_measured_is_an_error():
    with pytest.raises(MaskwrightError, match="no test images"):
        bootstrap_interval(torch.zeros(0))


def test_a_paired_difference_draws_the_same_images_for_both():
    ours = bootstrap_interval(torch.tensor([1.0, 0.0, 1.0, 1.0]), seed=3)
    theirs = bootstrap_interval(torch.tensor([0.0, -1.0, 0.0, 0.0]), seed=3)
    # Every image differs by one, so no draw of images has another difference.
    difference = paired_difference(ours, theirs, seed=3)
    assert difference is not None
    assert (difference.value, difference.low, difference.high) == (1.0, 1.0, 1.0)
    assert paired_difference(ours, bootstrap_interval(torch.ones(3))) is None
    assert paired_difference(ours, Interval(1.0, 0.0, 2.0)) is None
