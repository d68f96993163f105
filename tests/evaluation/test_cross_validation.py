"""Cross-validation: every picture is answered once, by a probe that knows nothing of it."""

from __future__ import annotations

import pytest
import torch
from tests.evaluation.test_linear_probe import QUICK, clusters

from maskwright.evaluation.cross_validation import cross_validate, draw_folds
from maskwright.evaluation.features import Features
from maskwright.evaluation.linear_fit import LinearProbeSettings
from maskwright.support.errors import MaskwrightError

ONE_PENALTY = LinearProbeSettings(pooling="cls", penalties=(0.01,), iterations=300)


def test_every_fold_has_its_share_of_every_class() -> None:
    labels = torch.tensor([0] * 41 + [1] * 10 + [2])
    fold_of = draw_folds(labels, 5, seed=0)
    for label in (0, 1):
        counts = fold_of[labels == label].bincount(minlength=5)
        assert counts.max() - counts.min() <= 1
    assert fold_of.bincount(minlength=5).tolist() == [11, 11, 10, 10, 10]


def test_folds_are_drawn_by_the_seed() -> None:
    labels = torch.arange(60) % 3
    assert torch.equal(draw_folds(labels, 4, seed=1), draw_folds(labels, 4, seed=1))
    assert not torch.equal(draw_folds(labels, 4, seed=1), draw_folds(labels, 4, seed=2))


def test_pictures_of_a_group_share_a_fold() -> None:
    labels = torch.arange(60) % 2
    groups = torch.arange(60) // 4 - 7
    fold_of = draw_folds(labels, 3, seed=0, groups=groups)
    for group in groups.unique():
        assert len(fold_of[groups == group].unique()) == 1
    assert fold_of.unique().tolist() == [0, 1, 2]


def test_classes_that_lie_apart_are_all_found() -> None:
    result = cross_validate(clusters(60), 4, QUICK)
    assert result.answers.top1.value == 1.0
    assert len(result.answers.correct) == 60


def test_no_picture_is_answered_by_a_probe_that_knows_its_label() -> None:
    # So many numbers that any labels could be learned by heart.
    values = torch.randn(200, 400, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 2, (200,), generator=torch.Generator().manual_seed(1))
    result = cross_validate(Features(values, values, labels), 5, QUICK)
    assert 0.35 < result.answers.top1.value < 0.65


def test_answers_are_those_of_scikit_learn_in_the_same_folds() -> None:
    # Said here and not above: importing it takes a second.
    linear_model = pytest.importorskip("sklearn.linear_model")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    selection = pytest.importorskip("sklearn.model_selection")
    pictures = clusters(90, spread=1.5)
    assert pictures.cls is not None
    assert pictures.labels is not None
    result = cross_validate(pictures, 3, ONE_PENALTY)
    # Ours halves the penalty and takes the mean over 60 pictures; theirs takes the sum.
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(C=1 / (60 * 0.01), max_iter=2000, tol=1e-8),
    )
    expected = selection.cross_val_predict(
        model,
        pictures.cls.numpy(),
        pictures.labels.numpy(),
        cv=selection.PredefinedSplit(result.fold_of.numpy()),
    )
    assert (result.answers.predicted.numpy() == expected).mean() > 0.98


def test_a_class_of_one_picture_counts_as_wrong() -> None:
    pictures = clusters(61, num_classes=3)
    labels = (torch.arange(61) % 3).clone()
    labels[60] = 7
    result = cross_validate(Features(pictures.cls, pictures.mean, labels), 3, QUICK)
    assert not result.answers.correct[60]
    assert result.answers.correct[:60].all()


def test_more_folds_than_pictures_are_refused() -> None:
    with pytest.raises(MaskwrightError, match="5 folds need as many different labeled pictures"):
        cross_validate(clusters(4, num_classes=2), 5, QUICK)
