"""Reconstruction under fixed masks: known losses, oracle statistics on record, chunks that change
nothing.
"""

import json

import pytest
import torch
from torch import nn

from maskwright.evaluation.baselines import predict_by_fill, predict_patch_mean
from maskwright.evaluation.reconstruction import measure_reconstruction, reconstruction_loss
from maskwright.patches import Grid, PixelScale, Prediction, patchify, split, take
from maskwright.patches.pixels import patch_stats
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng
from maskwright.targets.building import read_target

SCALE = PixelScale((0.5,) * 3, (0.25,) * 3)
GRID = Grid(4, 4, 4)


class Oracle(nn.Module):
    """Predicts the truth plus a constant error, and notes whether it was training when asked."""

    def __init__(self, error=0.0, target="raw"):
        super().__init__()
        self.error, self.target, self.was_training = error, target, []

    def forward(self, images, mask):
        self.was_training.append(self.training)
        patches = patchify(images, 4)
        truth = take(patches, mask.predicted_ids)
        values = patch_stats(truth).normalize(truth) if self.target == "normalized" else truth
        return Prediction(
            values + self.error,
            mask,
            patches,
            GRID,
            read_target(self.target),
            images.new_zeros(len(images), 0, 0),
        )


def pictures(count=5):
    return torch.randint(
        60, 200, (count, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def random_mask(count=5, num_predicted=None):
    return split(
        torch.zeros(count, 16), 4, num_predicted, rng=sample_rng(0, 0, torch.arange(count))
    )


def by_fill(target):
    return lambda images, mask: predict_by_fill(
        images, mask, patch_size=4, target=read_target(target)
    )


def test_the_truth_has_no_loss_and_the_best_pictures():
    result = measure_reconstruction(Oracle(), pictures(), random_mask(), SCALE)
    assert result.mean_loss == 0.0
    assert torch.allclose(result.psnr, torch.full((5,), 100.0))
    assert torch.allclose(result.ssim, torch.ones(5), atol=1e-5)
    assert torch.allclose(result.high_frequency, torch.zeros(5), atol=1e-5)


def test_a_constant_error_has_a_known_loss_and_psnr():
    result = measure_reconstruction(Oracle(error=0.2), pictures(), random_mask(), SCALE)
    assert result.mean_loss == pytest.approx(0.04, rel=1e-4)
    assert result.psnr.mean().item() == pytest.approx(26.02, abs=0.01)


def test_the_loss_is_the_mean_over_predicted_patches():
    mask = random_mask(2, num_predicted=3)
    prediction = predict_patch_mean(
        SCALE.to_model(pictures(2)), mask, patch_size=4, target=read_target("normalized")
    )
    assert reconstruction_loss(prediction).tolist() == pytest.approx([47 / 48] * 2, rel=1e-3)


def test_every_masked_patch_is_measured_even_if_fewer_are_predicted_in_training():
    few = measure_reconstruction(by_fill("raw"), pictures(), random_mask(num_predicted=2), SCALE)
    every = measure_reconstruction(by_fill("raw"), pictures(), random_mask(), SCALE)
    assert few.ratio == 0.75
    assert torch.equal(few.loss, every.loss)


@pytest.mark.parametrize("chunk", [1, 2, 64])
def test_the_chunk_size_changes_nothing(chunk, monkeypatch):
    whole = measure_reconstruction(by_fill("normalized"), pictures(), random_mask(), SCALE)
    monkeypatch.setattr("maskwright.evaluation.reconstruction.CHUNK", chunk)
    parts = measure_reconstruction(by_fill("normalized"), pictures(), random_mask(), SCALE)
    for name in ("loss", "psnr", "ssim"):
        assert torch.allclose(getattr(whole, name), getattr(parts, name), atol=1e-4)


def test_oracle_statistics_improve_the_picture_and_are_on_record():
    honest = measure_reconstruction(Oracle(target="normalized"), pictures(), random_mask(), SCALE)
    oracle = measure_reconstruction(
        Oracle(target="normalized"), pictures(), random_mask(), SCALE, stats="target"
    )
    assert (honest.stats, oracle.stats) == ("visible", "target")
    assert (oracle.psnr > honest.psnr).all()
    assert torch.equal(oracle.loss, honest.loss)


def test_a_raw_target_says_that_nothing_was_denormalized():
    assert (
        measure_reconstruction(Oracle(), pictures(), random_mask(), SCALE, stats="target").stats
        == "raw"
    )


def test_the_model_is_measured_in_evaluation_mode_and_goes_on_training(monkeypatch):
    model = Oracle().train()
    monkeypatch.setattr("maskwright.evaluation.reconstruction.CHUNK", 2)
    measure_reconstruction(model, pictures(), random_mask(), SCALE)
    assert model.was_training == [False, False, False]
    assert model.training


def test_the_summary_is_json_and_the_captions_one_per_image():
    result = measure_reconstruction(Oracle(error=0.2), pictures(), random_mask(), SCALE)
    found = json.loads(json.dumps(result.to_dict()))
    assert found["loss"]["value"] == pytest.approx(0.04, rel=1e-4)
    assert (found["stats"], found["ratio"], found["num_images"]) == ("raw", 0.75, 5)
    assert len(result.captions()) == 5
    assert result.captions()[0].startswith("PSNR 26.0 dB on hidden pixels")


def test_each_image_needs_a_mask():
    with pytest.raises(MaskwrightError, match="5 images and 3 masks"):
        measure_reconstruction(Oracle(), pictures(), random_mask(3), SCALE)
