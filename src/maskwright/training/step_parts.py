"""The parts of a training step: pictures that share a ratio go through the model together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from maskwright.schedules import Uniform
from maskwright.support.on_device import numbers_on
from maskwright.support.seeding import sample_rng
from maskwright.training.masker import MaskerSettings, ratio_at
from maskwright.training.shown import Shown

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class StepPart:
    """Pictures of a batch that share a ratio, so that as many patches are visible in each.

    shown: what the policy sees.
    ratio: the share that is masked.
    share: of the batch's pictures.
    """

    shown: Shown
    ratio: float
    share: float = 1.0


def parts_of(
    settings: MaskerSettings, shown: Shown, *, epoch: int, step: int, progress: float
) -> list[StepPart]:
    """The whole batch at one ratio, or a part for each ratio where each picture draws its own.

    Parts are exact and waste nothing: no token is padded and none is hidden by an attention mask. A
    picture's ratio follows from seed, epoch and picture alone; all its masks in a step share it.
    """
    schedule = settings.ratio
    if not is_by_picture(schedule):
        return [StepPart(shown=shown, ratio=ratio_at(settings, step, progress))]
    # Shapes follow from the draws. Made on the CPU, they need not be waited for.
    picture_ids = shown.picture_ids if shown.plain_ids is None else torch.tensor(shown.plain_ids)
    draws = sample_rng(settings.seed, epoch, picture_ids, "ratio").uniform(1)[:, 0]
    ratios = [schedule.at(progress, draw) for draw in draws.tolist()]
    parts = []
    for ratio in sorted(set(ratios)):
        rows = [row for row, drawn in enumerate(ratios) if drawn == ratio]
        parts.append(StepPart(shown=_some(shown, rows), ratio=ratio, share=len(rows) / len(ratios)))
    return parts


def is_by_picture(schedule: object) -> bool:
    """Whether each picture draws a value of its own."""
    return isinstance(schedule, Uniform) and schedule.per == "picture"


def mean_row(
    rows: Sequence[dict[str, Tensor | float]], shares: Sequence[float]
) -> dict[str, Tensor | float]:
    """One row of numbers for the parts of a step: their mean over pictures."""
    # A policy may have had nothing to learn from some of the parts.
    in_all = set(rows[0]).intersection(*rows)
    mean: dict[str, Tensor | float] = {}
    for name in filter(in_all.__contains__, rows[0]):
        weighted = (share * row[name] for share, row in zip(shares, rows, strict=True))
        mean[name] = sum(weighted)
    return mean


def _some(shown: Shown, rows: Sequence[int]) -> Shown:
    """What is shown of some pictures of the batch, in their order."""
    index = numbers_on(shown.sample_ids.device, rows)
    return replace(
        shown,
        images=shown.images[index],
        sample_ids=shown.sample_ids[index],
        mask_ids=None if shown.mask_ids is None else shown.mask_ids[index],
        priors={name: share[index] for name, share in shown.priors.items()},
        views=shown.views[index],
        keys=_chosen(shown.keys, rows),
        plain_ids=_chosen(shown.plain_ids, rows),
    )


def _chosen(values: Sequence[Value] | None, rows: Sequence[int]) -> list[Value] | None:
    return None if values is None else [values[row] for row in rows]
