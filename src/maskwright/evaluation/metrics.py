"""Numbers for pictures and for answers: PSNR, SSIM, AUROC, and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.division import divide_or_nan
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import derive_seed

# Below this an error counts as 100 dB, so that means stay finite.
_LEAST_ERROR = 1e-10
# Of the Gaussian window in pixels (Wang et al. 2004).
_SSIM_SIGMA = 1.5
# Bounds the memory of (resamples, images) counts.
_RESAMPLES_AT_ONCE = 64


# (R, n) counts of how often each image was drawn -> (R,) values.
Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Interval:
    """A measured number with the ends of its bootstrap interval over test images.

    statistic: what it is of a draw of images, so that two numbers can be paired; None where the
        number did not come from `bootstrap`.
    count: how many images that is.
    """

    value: float
    low: float
    high: float
    # Not part of what the number is: two equal intervals stay equal, and nothing is saved of these.
    statistic: Statistic | None = field(default=None, compare=False, repr=False)
    count: int = field(default=0, compare=False, repr=False)

    def to_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


NO_INTERVAL = Interval(float("nan"), float("nan"), float("nan"))
"""A number that does not exist."""


def masked_mse(pictures: Tensor, truth: Tensor, is_hidden: Tensor) -> Tensor:
    """Measure the mean squared error of each image over its hidden pixels alone.

    pictures: (B, C, H, W).
    truth: (B, C, H, W).
    is_hidden: (B, 1, H, W) booleans, True = counted.

    Returns (B,).
    """
    counted = is_hidden.expand_as(truth).flatten(1).float()  # (B, C * H * W)
    errors = (pictures - truth).float().square().flatten(1)
    total = (errors * counted).sum(1)
    return total / counted.sum(1)


def psnr_of_mse(mse: Tensor) -> Tensor:
    """Turn mean squared errors of pixels in [0, 1] into decibels, 100 at most."""
    return -10 * torch.log10(mse.float().clamp_min(_LEAST_ERROR))


def psnr(pictures: Tensor, truth: Tensor) -> Tensor:
    """Measure the peak signal-to-noise ratio of (B, C, H, W) pictures in [0, 1].

    Returns (B,) decibels, 100 at most.
    """
    errors = (pictures - truth).float().square()
    return psnr_of_mse(errors.flatten(1).mean(1))


def masked_psnr(pictures: Tensor, truth: Tensor, is_hidden: Tensor) -> Tensor:
    """Measure PSNR over hidden pixels alone.

    (B, C, H, W) pictures in [0, 1] and (B, 1, H, W) booleans give (B,) decibels.
    """
    return psnr_of_mse(masked_mse(pictures, truth, is_hidden))


def ssim(pictures: Tensor, truth: Tensor) -> Tensor:
    """Measure structural similarity (Wang et al. 2004) of (B, C, H, W) pictures in [0, 1].

    Returns (B,). The window is 11 pixels wide; when the shorter side is less, the window shrinks
    to it. Raises MaskwrightError under 3 pixels.
    """
    # Imported where it is used: it brings all of torchvision, seconds that most commands can spare.
    from torchmetrics.functional.image import structural_similarity_index_measure

    side = min(truth.shape[-2:])
    if side < 3:
        raise MaskwrightError(
            f"Structural similarity needs sides of at least 3 pixels; got {side}."
        )
    # torchmetrics cuts the window at 3.5 sigmas, and it must not be wider than the picture.
    sigma = min(_SSIM_SIGMA, (side - 1) // 2 / 3.5)
    value = structural_similarity_index_measure(
        pictures.float(), truth.float(), sigma=sigma, data_range=1.0, reduction="none"
    )
    return torch.as_tensor(value).reshape(-1)


def bootstrap_interval(
    values: Tensor | np.ndarray, seed: int = 0, level: float = 0.95, resamples: int = 1000
) -> Interval:
    """Give the mean of per-image values with its percentile bootstrap interval.

    values: (n,), e.g. 1 for a right answer and 0 for a wrong one.
    seed: draws images with replacement.
    level: share of the draws inside the interval.
    resamples: how many draws.

    Raises MaskwrightError when there are none.
    """
    numbers = np.asarray(values, dtype=np.float64)

    def mean(counts: np.ndarray) -> np.ndarray:
        return counts @ numbers / len(numbers)

    return bootstrap(mean, len(numbers), seed, level, resamples)


def paired_difference(number: Interval, reference: Interval, seed: int = 0) -> Interval | None:
    """Give `number` - `reference` with its interval over images that are drawn for both at once.

    Both must be of the same images in the same order; None where their numbers of images differ,
    or where either does not come from `bootstrap`.
    """
    ours, theirs = number.statistic, reference.statistic
    if ours is None or theirs is None or number.count != reference.count:
        return None

    def difference(counts: np.ndarray) -> np.ndarray:
        return ours(counts) - theirs(counts)

    return bootstrap(difference, number.count, seed)


def bootstrap(
    statistic: Statistic,
    count: int,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
) -> Interval:
    """Give a statistic of n images with its percentile bootstrap interval.

    statistic: (R, n) counts of how often each image was drawn -> (R,) values; NaN where a draw has
        no answer (it is left out).
    count: n.
    seed: the same draws for every statistic of as many images, so that numbers can be paired.
    level: share of the draws inside the interval.
    resamples: how many draws.
    """
    if count < 1:
        raise MaskwrightError("Nothing to measure: there are no test images.")
    rng = np.random.default_rng(derive_seed(seed, "bootstrap"))
    values = []
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        rows = min(_RESAMPLES_AT_ONCE, resamples - start)
        values.append(statistic(_draw_counts(rng, rows, count)))
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.nanquantile(np.concatenate(values), ends)
    # The value itself is that of all images, each drawn once.
    value = statistic(np.ones((1, count)))[0]
    return Interval(float(value), float(low), float(high), statistic, count)


def _draw_counts(rng: np.random.Generator, rows: int, count: int) -> np.ndarray:
    """(rows, count) how often each image is in a draw of as many, with replacement."""
    picks = rng.integers(0, count, (rows, count))
    # Each row gets numbers of its own, so that one count serves all rows.
    first = np.arange(rows)[:, None] * count
    numbers = (picks + first).ravel()
    counts = np.bincount(numbers, minlength=rows * count)
    return counts.reshape(rows, count).astype(np.float64)


def auroc_of_counts(scores: np.ndarray, is_positive: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Measure the area under the ROC curve for each row of repetition counts.

    It is the chance that a positive outranks a negative.

    scores: (n,), larger = more positive, ties count half.
    is_positive: (n,) booleans.
    counts: (R, n).

    Returns (R,), NaN where a row has one kind only.
    """
    positives, negatives = sum_groups(scores, counts * is_positive, counts * ~is_positive)
    # Negatives below each group, and half of those that tie with it.
    below = np.cumsum(negatives, axis=1) - negatives / 2
    outranked = (positives * below).sum(1)
    pairs = positives.sum(1) * negatives.sum(1)
    return divide_or_nan(outranked, pairs)


def sum_groups(scores: np.ndarray, *counts: np.ndarray) -> list[np.ndarray]:
    """Counts (R, n) summed over images of equal score: (R, groups), the smallest score first."""
    _, group = np.unique(scores, return_inverse=True)
    order = np.argsort(group, kind="stable")
    is_first = np.diff(group[order], prepend=-1)
    starts = np.flatnonzero(is_first)
    return [np.add.reduceat(rows[:, order], starts, axis=1) for rows in counts]


def auroc_interval(scores: Tensor, is_positive: Tensor, seed: int = 0) -> Interval | None:
    """Give the AUROC of (n,) scores with its interval, or None when all images are of one kind."""
    positive = is_positive.cpu().numpy().astype(bool)
    if positive.all() or not positive.any():
        return None
    numbers = scores.double().cpu().numpy()

    def auroc(counts: np.ndarray) -> np.ndarray:
        return auroc_of_counts(numbers, positive, counts)

    return bootstrap(auroc, len(positive), seed)
