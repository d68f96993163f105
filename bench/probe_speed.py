"""Time the k-NN and linear probes on synthetic features: `python bench/probe_speed.py --train 50000
--width 384`.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from maskwright.evaluation.features import Features
from maskwright.evaluation.knn import measure_knn
from maskwright.evaluation.linear_fit import LinearProbeSettings
from maskwright.evaluation.linear_probe import measure_linear_probe
from maskwright.evaluation.standardize import Standardizer


def build_features(count: int, width: int, num_classes: int, seed: int) -> Features:
    """Overlapping classes whose features are correlated and fall off in size over two decades, as
    an encoder's do.
    """
    shared = torch.Generator().manual_seed(99)
    sizes = torch.logspace(0, -2, width)
    centers = 0.12 * torch.randn(num_classes, width, generator=shared) * sizes
    turn = torch.linalg.qr(torch.randn(width, width, generator=shared)).Q
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, num_classes, (count,), generator=generator)
    values = [
        (centers[labels] + torch.randn(count, width, generator=generator) * sizes) @ turn
        for _ in range(2)
    ]
    return Features(values[0], values[1], labels)


def time_scikit_learn(
    train: Features, test: Features, penalties: tuple[float, ...], iterations: int
) -> tuple[float, float]:
    """Seconds of the same sweep over one pooling with scikit-learn's L-BFGS, warm from penalty to
    penalty, and its best top-1.
    """
    start = time.perf_counter()
    standardizer = Standardizer.fit(train.mean)
    assert train.labels is not None  # made up with labels
    assert test.labels is not None
    values, asked = standardizer.apply(train.mean).numpy(), standardizer.apply(test.mean).numpy()
    best, model = 0.0, LogisticRegression(max_iter=iterations, warm_start=True)
    for penalty in sorted(penalties, reverse=True):
        model.set_params(C=1 / (penalty * len(values))).fit(values, train.labels.numpy())
        best = max(best, float(model.score(asked, test.labels.numpy())))
    return time.perf_counter() - start, best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (
        ("train", 50_000),
        ("test", 10_000),
        ("width", 384),
        ("classes", 10),
        ("threads", 2),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--scikit", action="store_true", help="also time scikit-learn")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    train = build_features(asked.train, asked.width, asked.classes, 0)
    test = build_features(asked.test, asked.width, asked.classes, 1)
    sizes = f"{asked.train} train, {asked.test} test, width {asked.width}, {asked.classes} classes"
    print(f"{sizes}, {asked.threads} threads, load {os.getloadavg()[0]:.1f}")
    start = time.perf_counter()
    knn = measure_knn(train.labeled("mean"), test.labeled("mean"))
    print(
        f"k-NN                          {time.perf_counter() - start:7.1f} s   top-1"
        f" {knn.answers.top1}"
    )
    for pooling in ("mean", "choose"):
        settings = LinearProbeSettings(pooling=pooling)
        start = time.perf_counter()
        result = measure_linear_probe(train, test, settings)
        spent = time.perf_counter() - start
        print(
            f"linear probe, pooling {pooling:7} {spent:7.1f} s   top-1 {result.answers.top1}  "
            f" {result.pooling}, penalty {result.penalty:g}"
        )
    if asked.scikit:
        warnings.simplefilter("ignore", ConvergenceWarning)
        spent, best = time_scikit_learn(train, test, settings.penalties, settings.iterations)
        print(
            f"scikit-learn, one pooling     {spent:7.1f} s   best top-1 of the sweep on test"
            f" {best:.4f}"
        )


if __name__ == "__main__":
    main()
