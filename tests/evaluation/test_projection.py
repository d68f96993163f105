"""Maps of features: PCA against scikit-learn, groups that stay together, and sentences."""

from __future__ import annotations

import numpy as np
import pytest

from maskwright.evaluation import projection
from maskwright.evaluation.projection import principal_components, project
from maskwright.support.errors import MaskwrightError, NotAvailable


def groups(count: int = 40, width: int = 12) -> np.ndarray:
    """Two groups of pictures, far apart in every feature."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0, 1, (count, width)), rng.normal(6, 1, (count, width))])


def test_components_are_those_of_scikit_learn() -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    features = np.random.default_rng(1).normal(size=(50, 8)) @ np.diag(range(1, 9))
    standard = (features - features.mean(0)) / features.std(0)
    ours = principal_components(features, 3)
    theirs = decomposition.PCA(3).fit_transform(standard)
    # The sign of a direction is free.
    assert np.abs(ours) == pytest.approx(np.abs(theirs), abs=1e-4)


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_groups_stay_together(method: str) -> None:
    if method != "pca":
        pytest.importorskip({"tsne": "sklearn", "umap": "umap"}[method])
    points = project(groups(), method)
    assert points.shape == (80, 2)
    assert np.abs(points).max() == pytest.approx(1.0)
    middles = points[:40].mean(0), points[40:].mean(0)
    near = np.linalg.norm(points[:40] - middles[0], axis=1)
    far = np.linalg.norm(points[:40] - middles[1], axis=1)
    assert (near < far).mean() > 0.97


def test_one_number_a_picture_is_a_line_and_equal_pictures_are_a_point() -> None:
    assert project(np.arange(5.0)[:, None])[:, 1] == pytest.approx(0)
    assert project(np.ones((5, 3))) == pytest.approx(0)


def test_what_cannot_be_drawn_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MaskwrightError, match="one of pca, tsne, umap"):
        project(groups(), "isomap")
    with pytest.raises(MaskwrightError, match="3 pictures at least"):
        project(np.ones((2, 4)))
    monkeypatch.setitem(projection.MOST_POINTS, "tsne", 50)
    with pytest.raises(MaskwrightError, match="tsne takes at most 50 pictures; got 80"):
        project(groups(), "tsne")
    monkeypatch.setattr(projection, "find_spec", lambda name: None)
    with pytest.raises(NotAvailable, match="pip install umap-learn"):
        project(groups(), "umap")
