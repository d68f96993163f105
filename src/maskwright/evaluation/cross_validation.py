"""A linear probe by cross-validation: every picture is answered by one that never saw its label."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from maskwright.data.store.stratified import first_of_groups
from maskwright.evaluation.answers import Answers, judge_answers
from maskwright.evaluation.features import Features
from maskwright.evaluation.linear_fit import LinearProbeSettings
from maskwright.evaluation.linear_probe import TunedProbe, tune_and_fit
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


@dataclass(frozen=True)
class CrossValidated:
    """The answers on all pictures, and what was chosen in each fold.

    answers: on all pictures, each by the probe of the folds that it is not in.
    fold_of: (n,) int64, the fold of each picture.
    fitted: (folds,) the probe that answered each fold.
    settings: what could be tried.
    """

    answers: Answers
    fold_of: Tensor
    fitted: tuple[TunedProbe, ...]
    settings: LinearProbeSettings

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        folds = []
        for fold, tuned in enumerate(self.fitted):
            rights = self.answers.correct[self.fold_of == fold].double()
            folds.append(
                {
                    "top1": float(rights.mean()),
                    "pooling": tuned.best.pooling,
                    "penalty": tuned.best.penalty,
                    "num_train": tuned.num_train,
                }
            )
        protocol = {
            **asdict(self.settings),
            "folds": len(self.fitted),
            "tested": "all labeled pictures; the encoder may have seen them, but no label",
            "standardize": "statistics of the other folds",
            "chosen_on": "a held-out part of the other folds",
            "scores": "those of all folds are ranked together",
        }
        return {
            "probe": "cross_validated",
            **self.answers.to_dict(),
            "num_train": min(tuned.num_train for tuned in self.fitted),
            "by_fold": folds,
            "protocol": protocol,
            "notes": [],
        }


def cross_validate(
    pictures: Features,
    folds: int,
    settings: LinearProbeSettings,
    *,
    seed: int = 0,
    groups: Tensor | None = None,
) -> CrossValidated:
    """Tune and fit a linear probe on all folds but one, and answer that one, for each in turn.

    pictures: with labels.
    folds: how many parts; every class is spread over them.
    groups: (n,) int64, pictures with equal numbers stay in one fold.

    Raises MaskwrightError when there are fewer groups of pictures than folds, or when the other
    folds lack all classes but one.
    """
    labels = pictures.labeled(pictures.poolings[0]).labels
    fold_of = draw_folds(labels, folds, seed, groups)
    classes = labels.unique()
    # A class that the other folds lack keeps the lowest score, so its pictures count as wrong.
    scores = torch.full((len(labels), len(classes)), -torch.inf)  # (n, K)
    fitted = []
    for fold in range(folds):
        is_tested = fold_of == fold
        train, test = pictures.take(~is_tested), pictures.take(is_tested)
        tuned = tune_and_fit(train, settings, seed)
        fitted.append(tuned)
        columns = torch.searchsorted(classes, tuned.probe.labels)
        rows = is_tested.nonzero()  # (n of the fold, 1)
        scores[rows, columns] = tuned.scores(test)

    return CrossValidated(
        judge_answers(scores, classes, labels, labels, seed), fold_of, tuple(fitted), settings
    )


def draw_folds(labels: Tensor, folds: int, seed: int, groups: Tensor | None = None) -> Tensor:
    """Deal pictures to folds, class by class: (n,) labels give (n,) numbers from 0.

    groups: (n,) int64, pictures with equal numbers stay together; a group counts as one picture of
        the class of its first.

    Raises MaskwrightError when there are fewer groups than folds.
    """
    if groups is not None:
        first, group_of = first_of_groups(groups)
        return draw_folds(labels[first], folds, seed)[group_of]

    if len(labels) < folds:
        raise MaskwrightError(
            f"{folds} folds need as many different labeled pictures at least; got {len(labels)}."
        )
    order = torch.randperm(len(labels), generator=torch_generator(seed, "folds"))
    # Sorted by class, and by chance within each, pictures are dealt like cards.
    by_class = order[torch.argsort(labels[order], stable=True)]
    fold_of = torch.empty(len(labels), dtype=torch.int64)
    fold_of[by_class] = torch.arange(len(labels)) % folds
    return fold_of
