"""Features of many pictures as points in the plane: by PCA, t-SNE or UMAP."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import torch

from maskwright.evaluation.standardize import Standardizer
from maskwright.support.checks import check_one_of
from maskwright.support.errors import MaskwrightError, NotAvailable

METHODS = ("pca", "tsne", "umap")
_PACKAGES = {"tsne": ("sklearn", "scikit-learn"), "umap": ("umap", "umap-learn")}
MOST_POINTS = {"pca": 200_000, "tsne": 10_000, "umap": 50_000}
"""Beyond these a method takes minutes, or more memory than a laptop has."""

# Neighbors in the plane come from these many components: the rest is mostly noise.
_COMPONENTS = 50
_FEWEST = 3


def installed_methods() -> list[str]:
    """The methods whose package is there; PCA always is."""
    return [name for name in METHODS if name not in _PACKAGES or find_spec(_PACKAGES[name][0])]


def project(features: np.ndarray, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Turn (n, D) features into (n, 2) float32 points in [-1, 1], their middle at 0.

    Each feature is brought to mean 0 and deviation 1 first, as for neighbors. In the plane of
    `tsne` and `umap` distances between groups mean little; only who is near whom does.

    Raises MaskwrightError for an unknown method, too few or too many pictures, and NotAvailable
    without its package.
    """
    check_one_of("method", method, METHODS)
    if len(features) < _FEWEST:
        raise MaskwrightError(f"A map needs {_FEWEST} pictures at least; got {len(features)}.")
    if len(features) > MOST_POINTS[method]:
        raise MaskwrightError(
            f"{method} takes at most {MOST_POINTS[method]:,} pictures; got {len(features):,}. Use"
            " pca, or embed fewer pictures (--limit)."
        )
    if method not in installed_methods():
        raise NotAvailable(
            f"{method} needs another package: pip install {_PACKAGES[method][1]}, or all of them:"
            " pip install 'maskwright[maps]'."
        )
    count = 2 if method == "pca" else _COMPONENTS
    components = principal_components(features, count)
    if method == "tsne":
        components = _tsne(components, seed)
    elif method == "umap":
        components = _umap(components, seed)
    # The middle of what is seen, so that a few far points do not leave half of the map empty.
    middle = (components.min(0) + components.max(0)) / 2
    points = components - middle
    farthest = float(np.abs(points).max())
    scaled = points / max(farthest, 1e-12)
    return scaled.astype(np.float32)


def principal_components(features: np.ndarray, count: int) -> np.ndarray:
    """The (n, count) coordinates along the directions of largest variance, the largest first.

    A direction points where its largest weight is positive, so that the same features always give
    the same picture. Fewer than `count` where the features have no more.
    """
    values = torch.from_numpy(np.asarray(features, dtype=np.float32))
    values = Standardizer.fit(values).apply(values).double()
    # (D, D): there are more pictures than features for the most part.
    _, directions = torch.linalg.eigh(values.T @ values)
    kept = directions.flip(1)[:, :count]  # eigh sorts the smallest first
    place_of_largest = kept.abs().argmax(0, keepdim=True)  # (1, count)
    largest = kept.gather(0, place_of_largest)
    found = values @ (kept * largest.sign())
    # A plane needs two, also where every picture has one number.
    if found.shape[1] < 2:
        found = torch.cat([found, torch.zeros_like(found)], dim=1)
    return found.numpy()


def _tsne(components: np.ndarray, seed: int) -> np.ndarray:
    """t-SNE (van der Maaten and Hinton 2008) by scikit-learn."""
    from sklearn.manifold import TSNE

    # The usual 30 neighbors, or fewer where there are not that many pictures.
    perplexity = min(30.0, (len(components) - 1) / 3)
    method = TSNE(init="pca", perplexity=perplexity, random_state=seed)
    return method.fit_transform(components)


def _umap(components: np.ndarray, seed: int) -> np.ndarray:
    """UMAP (McInnes et al. 2018) by umap-learn."""
    from umap import UMAP

    near = min(15, len(components) - 1)
    # One thread, which a seed asks for anyway: otherwise umap warns of it.
    reducer = UMAP(n_neighbors=near, random_state=seed, n_jobs=1)
    return np.asarray(reducer.fit_transform(components))
