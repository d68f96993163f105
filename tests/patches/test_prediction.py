"""Predictions become pictures without leaking and errors have known values."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from maskwright.patches.grid import Grid
from maskwright.patches.mask import split, take
from maskwright.patches.pixels import patchify, unpatchify
from maskwright.patches.prediction import Prediction
from maskwright.support.seeding import sample_rng
from maskwright.targets.building import read_target

GRID = Grid(3, 4, 4)


def predict_truth(target: str, num_predicted: int | None = None) -> tuple[torch.Tensor, Prediction]:
    """Images and a prediction that is exactly right."""
    images = torch.rand(2, 3, *GRID.image_size, generator=torch.Generator().manual_seed(0))
    mask = split(torch.zeros(2, 12), 4, num_predicted, rng=sample_rng(0, 0, torch.arange(2)))
    patches = patchify(images, 4)
    empty = Prediction(
        values=torch.zeros(2, mask.predicted_ids.shape[1], 48),
        mask=mask,
        patches=patches,
        grid=GRID,
        target=read_target(target),
        latent=torch.zeros(2, 5, 8),
    )
    return images, replace(empty, values=empty.targets())


def test_predicting_zero_for_the_normalized_target_costs_all_but_one_part_in_p() -> None:
    _, prediction = predict_truth("normalized")
    assert float(prediction.targets().square().mean()) == pytest.approx(47 / 48, abs=1e-4)


def test_the_raw_target_is_the_pixels() -> None:
    _, prediction = predict_truth("raw")
    assert torch.equal(prediction.targets(), take(prediction.patches, prediction.mask.masked_ids))


@pytest.mark.parametrize(("target", "stats"), [("raw", "visible"), ("normalized", "target")])
def test_a_perfect_prediction_gives_back_the_picture(target, stats) -> None:
    images, prediction = predict_truth(target)
    picture = prediction.to_picture(stats)
    torch.testing.assert_close(picture.composite, images)
    assert picture.stats == ("raw" if target == "raw" else "target")


def test_visible_statistics_never_read_masked_pixels() -> None:
    _, prediction = predict_truth("normalized")
    changed = prediction.patches.clone()
    changed.scatter_(1, prediction.mask.masked_ids[:, :, None].expand(-1, -1, 48), 7.0)
    first, second = (
        replace(prediction, patches=patches).to_picture("visible")
        for patches in (prediction.patches, changed)
    )
    assert torch.equal(first.reconstruction, second.reconstruction)
    assert first.stats == "visible"


def test_a_flat_prediction_is_as_bright_as_what_is_visible() -> None:
    _, prediction = predict_truth("normalized")
    flat = replace(prediction, values=torch.zeros_like(prediction.values)).to_picture("visible")
    means = take(patchify(flat.reconstruction, 4), prediction.mask.predicted_ids).mean(-1)
    known = take(prediction.patches, prediction.mask.visible_ids)
    assert float(known.min()) <= float(means.min()) <= float(means.max()) <= float(known.max())


def test_patches_that_are_not_predicted_keep_their_pixels_in_the_composite() -> None:
    images, prediction = predict_truth("raw", num_predicted=3)
    picture = replace(prediction, values=prediction.values * 0).to_picture()
    same = (patchify(picture.composite, 4) == patchify(images, 4)).all(-1)
    assert same.sum(1).tolist() == [9, 9]
    assert torch.equal(
        unpatchify(patchify(picture.reconstruction, 4), GRID), torch.zeros_like(images)
    )
