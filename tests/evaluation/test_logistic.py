"""Logistic regression for many penalties against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from maskwright.evaluation.logistic import fit_logistic


def problem(count=120, width=6, num_classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(0, num_classes, (count,), generator=generator)
    centers = torch.randn(num_classes, width, generator=generator)
    values = centers[classes] + torch.randn(count, width, generator=generator) @ torch.diag(
        torch.logspace(0, -1, width)
    )
    return (values - values.mean(0)) / values.std(0, correction=0), classes


@pytest.mark.parametrize("penalty", [1e-3, 1e-1, 10.0])
def test_it_finds_the_probabilities_of_scikit_learn(penalty):
    values, classes = problem()
    models = fit_logistic(values, classes, 3, [1e-2, penalty])
    other = LogisticRegression(C=1 / (penalty * len(values)), max_iter=2000, tol=1e-8).fit(
        values.double().numpy(), classes.numpy()
    )
    ours = models.scores(values)[1].softmax(1).numpy()
    assert np.abs(ours - other.predict_proba(values.double().numpy())).max() < 5e-3


def test_with_fewer_images_than_features_it_finds_those_of_scikit_learn_too():
    values, classes = problem(count=30, width=80)
    model = fit_logistic(values, classes, 3, [1e-2], iterations=200)
    other = LogisticRegression(C=1 / (1e-2 * 30), max_iter=2000, tol=1e-8)
    # Other images: they lie outside of what the fitted ones span.
    unseen, _ = problem(count=50, width=80, seed=1)
    expected = other.fit(values.double().numpy(), classes.numpy())
    ours = model.scores(unseen)[0].softmax(1).numpy()
    assert np.abs(ours - expected.predict_proba(unseen.double().numpy())).max() < 5e-3


def test_penalties_fitted_together_or_alone_agree():
    values, classes = problem()
    together = fit_logistic(values, classes, 3, [1e-3, 1e-2, 1.0], iterations=200)
    alone = fit_logistic(values, classes, 3, [1e-2], iterations=200)
    assert torch.allclose(together.scores(values)[1], alone.scores(values)[0], atol=2e-2)


def test_a_huge_penalty_leaves_the_class_shares():
    values, classes = problem(count=400)
    scores = fit_logistic(values, classes, 3, [1e6]).scores(values)[0]
    shares = classes.bincount().double() / 400
    assert torch.allclose(scores.softmax(1).mean(0).double(), shares, atol=1e-3)


def test_more_features_than_images_and_constant_features_are_fine():
    values, classes = problem(count=20, width=40)
    values[:, 5] = 0
    scores = fit_logistic(values, classes, 3, [1e-4, 1.0]).scores(values)
    assert scores.isfinite().all()
    assert (scores[0].argmax(1) == classes).all()
