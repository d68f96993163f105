"""Ridge regression and the scores of predicted numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score

from maskwright.evaluation.regression_scores import score_regression, sum_errors
from maskwright.evaluation.ridge import fit_ridge


def test_ridge_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(3, 2, (60, 5))
    targets = values @ rng.normal(size=5) + rng.normal(size=60)
    ours = fit_ridge(torch.tensor(values).float(), torch.tensor(targets).float(), (0.1, 1.0))
    standard = (values - values.mean(0)) / values.std(0)
    for row, penalty in enumerate((0.1, 1.0)):
        # theirs sums squared errors where ours averages them
        theirs = Ridge(alpha=penalty * 60).fit(standard, targets).predict(standard)
        given = ours.predict(torch.tensor(values).float())[row].numpy()
        assert given == pytest.approx(theirs, abs=1e-4)


def test_scores_are_those_of_scikit_learn_over_all_known_values() -> None:
    rng = np.random.default_rng(1)
    truth = [rng.normal(size=(4, 4)) for _ in range(5)]
    given = [real + rng.normal(size=(4, 4)) / 3 for real in truth]
    truth[0][0] = np.nan
    known = [~np.isnan(real) for real in truth]
    flat = np.concatenate([real[at] for real, at in zip(truth, known, strict=True)])
    answers = np.concatenate([answer[at] for answer, at in zip(given, known, strict=True)])
    scores = score_regression(sum_errors(truth, given), 1.0, seed=0)
    assert scores.r2.value == pytest.approx(r2_score(flat, answers))
    assert scores.mae.value == pytest.approx(mean_absolute_error(flat, answers))
    assert scores.rmse.low <= scores.rmse.value <= scores.rmse.high


def test_the_truth_of_a_constant_has_no_explained_share() -> None:
    ones = [np.ones(1)] * 4
    scores = score_regression(sum_errors(ones, [np.zeros(1)] * 4), 0.0, seed=0)
    assert scores.r2 is None
    assert scores.mae.value == 1
    assert scores.to_dict()["r2"] is None
