"""Linear probe on few labels, drawn again and again, so that luck has a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from maskwright.evaluation.answers import Answers
from maskwright.evaluation.features import POOLINGS, Features
from maskwright.evaluation.linear_fit import LinearProbeSettings
from maskwright.evaluation.linear_probe import measure_linear_probe
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.support.checks import check_at_least, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


@dataclass(frozen=True, kw_only=True)
class FewShotSettings:
    """How few labels a probe sees, and how often they are drawn.

    shots: `1%` of the train images of every class (at least one), or `5` of every class.
    draws: how often they are drawn anew.
    pooling: `mean`, `cls` or `both`.
    """

    shots: str = "1%"
    draws: int = 5
    pooling: str = "mean"

    def __post_init__(self) -> None:
        # `few_shot(shots=5)` gives a whole number, where results and seeds hold its text.
        object.__setattr__(self, "shots", str(self.shots))
        check_at_least("draws", self.draws, 1)
        check_one_of("pooling", self.pooling, POOLINGS)
        read_shots(self.shots)


def measure_few_shot(
    train: Features, test: Features, settings: FewShotSettings, *, seed: int = 0
) -> dict[str, Any]:
    """Fit a linear probe per draw, and give mean accuracy, interval and spread over draws.

    Each is tuned on a fifth of the few; with one image per class nothing is tuned. `top1` is the
    mean over draws; its interval is over test images, `spread` (a standard deviation) and
    `by_draw` are over draws.
    """
    labels = train.labeled(settings.pooling).labels
    probe = LinearProbeSettings(pooling=settings.pooling)
    answers = []
    num_train = 0
    for draw in range(settings.draws):
        is_drawn = draw_shots(labels, settings.shots, seed, draw)
        few = train.take(is_drawn)
        answers.append(measure_linear_probe(few, test, probe, seed=seed).answers)
        # Every draw has as many images.
        num_train = int(is_drawn.sum())
    return _summarize(answers, num_train, settings, seed)


def _summarize(
    answers: list[Answers], num_train: int, settings: FewShotSettings, seed: int
) -> dict[str, Any]:
    # (draws, n): right answers to the same test images in every draw
    rights = torch.stack([drawn.correct for drawn in answers]).double()
    by_draw = [drawn.top1.value for drawn in answers]
    return {
        "probe": "few_shot",
        "top1": bootstrap_interval(rights.mean(0), seed).to_dict(),
        "spread": float(rights.mean(1).std()) if len(answers) > 1 else None,
        "by_draw": by_draw,
        "num_train": num_train,
        "num_test": rights.shape[1],
        "num_classes": answers[0].num_classes,
        "majority": answers[0].majority,
        "shots": settings.shots,
        "interval": "95% bootstrap over test images of the mean over draws",
        "right_of_draws": " ".join(str(int(count)) for count in rights.sum(0)),
        "notes": [],
    }


def read_shots(shots: str) -> tuple[float | None, int | None]:
    """A share (`1%`) or a count (`5`), the other None."""
    # Exactly one of the two is a number.
    text = shots.strip()
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else None
        count = None if share is not None else int(text)
    except ValueError as error:
        raise MaskwrightError(
            f"Shots are a share such as 1% or a number per class such as 5; got '{shots}'."
        ) from error
    is_share = share is not None and 0 < share <= 1
    is_count = count is not None and count >= 1
    if not is_share and not is_count:
        raise MaskwrightError(f"Shots are above 0 and at most 100%; got '{shots}'.")
    return share, count


def draw_shots(labels: Tensor, shots: str, seed: int, draw: int) -> Tensor:
    """Choose few images of each class: (n,) labels give (n,) booleans.

    A class with fewer images than that is taken whole.
    """
    share, count = read_shots(shots)
    generator = torch_generator(seed, "few shots", shots, draw)
    order = torch.randperm(len(labels), generator=generator)
    _, class_of, sizes = labels[order].unique(return_inverse=True, return_counts=True)
    if count is not None:
        quota = torch.full_like(sizes, count)
    else:
        quota = (sizes * (share or 0)).round().long().clamp_min(1)

    # Sorted by class, the images of each class stand in random order, and its first are drawn.
    by_class = torch.argsort(class_of, stable=True)
    sorted_class = class_of[by_class]
    starts = sizes.cumsum(0) - sizes  # (K,)
    rank = torch.arange(len(labels)) - starts[sorted_class]
    is_drawn = torch.zeros(len(labels), dtype=torch.bool)
    is_drawn[order[by_class]] = rank < quota[sorted_class]
    return is_drawn
