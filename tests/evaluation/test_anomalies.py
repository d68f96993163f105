"""Anomaly maps, memory banks and rankings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from maskwright.evaluation.anomaly_maps import (
    PlaceStatistics,
    complementary_masks,
    smooth,
    top_mean,
)
from maskwright.evaluation.memory_bank import (
    Reservoir,
    aggregate,
    build_bank,
    choose_coreset,
)
from maskwright.evaluation.ranking_scores import (
    auroc_difference,
    precision_of_counts,
    score_ranking,
)
from maskwright.patches.grid import Grid


def test_complementary_masks_show_every_patch_once_a_round() -> None:
    masks = torch.stack(list(complementary_masks(Grid(4, 4, 2), 0.75, rounds=2, seed=1)))
    assert masks.shape == (8, 16)
    assert (masks.sum(1) == 12).all()
    assert ((~masks).sum(0) == 2).all()
    assert not torch.equal(masks[:4].sort(0).values, masks[4:])
    # of 16 patches three equal parts of five: one is never shown, and yet hidden as the others
    uneven = torch.stack(list(complementary_masks(Grid(4, 4, 2), 0.7, rounds=1, seed=1)))
    assert (uneven.sum(0) >= 2).all()


def test_errors_are_held_against_those_of_normal_pictures_at_that_place() -> None:
    rng = torch.Generator().manual_seed(0)
    normal = torch.rand(500, 4, 4, generator=rng) * torch.tensor([1.0, 1.0, 1.0, 5.0])
    statistics = PlaceStatistics()
    for part in normal.split(100):
        statistics.add(part)
    standard = statistics.standardize(normal)
    # the loud column is as usual there as the quiet ones are
    assert float(standard.mean((0, 1)).abs().max()) < 0.01
    odd = normal[:1].clone()
    odd[0, 2, 0] = 4.0
    assert int(statistics.standardize(odd).flatten().argmax()) == 8


def test_the_score_of_a_map_is_the_mean_of_its_top() -> None:
    maps = torch.arange(200.0).view(1, 10, 20)
    assert float(top_mean(maps, 0.01)) == 198.5
    assert float(top_mean(maps)) == 199, "at least one"


def test_smoothing_keeps_the_mean_of_flat_maps_and_spreads_a_point() -> None:
    flat = torch.full((1, 6, 6), 3.0)
    assert torch.allclose(smooth(flat, 1.0), flat)
    point = torch.zeros(1, 9, 9)
    point[0, 4, 4] = 1
    blurred = smooth(point, 1.0)
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-5)
    assert blurred[0, 4, 4] < 0.2 < 1


def test_patches_unlike_all_normal_ones_are_far_from_the_bank() -> None:
    rng = torch.Generator().manual_seed(0)
    normal = [torch.randn(4, 9, 6, generator=rng) for _ in range(10)]
    bank = build_bank(iter(normal), 100, "random", seed=0)
    assert bank.features.shape == (100, 6)
    asked = torch.randn(1, 9, 6, generator=rng)
    asked[0, 4] += 8
    assert int(bank.distances(asked)[0].argmax()) == 4
    whole = build_bank(iter(normal), 1000, "random", seed=0)
    # patches of the bank itself are at home there
    assert float(whole.distances(normal[0]).max()) < 1e-2


def test_a_reservoir_is_an_even_sample_of_all_that_goes_by() -> None:
    reservoir = Reservoir(1000, seed=0)
    for part in torch.arange(10_000.0)[:, None].split(700):
        reservoir.add(part)
    assert len(reservoir.rows) == 1000
    assert float(reservoir.rows.mean()) == pytest.approx(5000, abs=250)


def test_a_coreset_reaches_the_rare_ones_that_chance_misses() -> None:
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(500, 4, generator=rng) / 10
    features[7] += 5
    features[300] -= 5
    chosen = choose_coreset(features, 5, seed=0)
    assert len(chosen.unique()) == 5
    assert {7, 300} <= set(chosen.tolist())


def test_neighborhoods_are_averaged_inside_the_picture_alone() -> None:
    tokens = torch.arange(4.0).view(1, 4, 1)
    assert aggregate(tokens, Grid(2, 2, 4)).flatten().tolist() == [1.5] * 4


def test_ranking_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(80) < 0.3
    # rounded, so that there are ties
    scores = np.round(rng.normal(size=80) + truth, 1)
    measured = score_ranking(scores, truth)
    assert measured.auroc.value == pytest.approx(roc_auc_score(truth, scores))
    assert measured.average_precision.value == pytest.approx(average_precision_score(truth, scores))
    counts = rng.integers(0, 3, (1, 80)).astype(float)
    drawn = precision_of_counts(scores, truth, counts)
    weighted = average_precision_score(truth, scores, sample_weight=counts[0])
    assert drawn[0] == pytest.approx(weighted)
    nothing = auroc_difference(scores, scores, truth)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
