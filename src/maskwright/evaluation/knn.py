"""Weighted nearest neighbors: frozen features vote with their labels (Wu et al. 2018; DINO)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.evaluation.answers import Answers, judge_answers
from maskwright.evaluation.features import Labeled
from maskwright.evaluation.standardize import Standardizer
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class KnnSettings:
    """The protocol: the nearest train images by cosine vote with weight exp(cosine / temperature).

    k: how many vote.
    temperature: the smaller, the more the nearest count.
    standardize: first bring every feature to mean 0 and deviation 1 of the train images. The
        published protocol does not, so it is off by default; the result says which was used.
    """

    k: int = 20
    temperature: float = 0.07
    standardize: bool = False

    def __post_init__(self) -> None:
        if self.k < 1 or self.temperature <= 0:
            raise MaskwrightError(
                f"k-NN needs k of at least 1 and a temperature above 0; got {self.k} and"
                f" {self.temperature:g}."
            )


@dataclass(frozen=True)
class KnnResult:
    """The answers of a k-NN probe and the protocol that gave them.

    answers: on the test images.
    settings: with the number of neighbors really used.
    num_train: images that vote.
    self_excluded: whether each test image is a train image that does not vote for itself.
    notes: what a reader should know before trusting them.
    """

    answers: Answers
    settings: KnnSettings
    num_train: int
    self_excluded: bool
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        protocol = {
            **asdict(self.settings),
            "similarity": "cosine",
            "weight": "exp(cosine / temperature)",
            "self_excluded": self.self_excluded,
        }
        return {
            "probe": "knn",
            **self.answers.to_dict(),
            "num_train": self.num_train,
            "protocol": protocol,
            "notes": list(self.notes),
        }


def measure_knn(
    train: Labeled,
    test: Labeled | None = None,
    settings: KnnSettings | None = None,
    *,
    seed: int = 0,
    chunk: int = 512,
) -> KnnResult:
    """Classify every test image by its nearest train images; without `test`, train by all others.

    chunk: test images compared at a time, which bounds memory and changes nothing.

    Computes where the features lie. Raises MaskwrightError when widths differ or nothing is near.
    """
    settings = settings or KnnSettings()
    tested = train if test is None else test
    _check_widths(train, tested)
    # An image is never its own neighbor when test and train hold the same vectors.
    alone = tested is train or torch.equal(tested.values, train.values)
    k = min(settings.k, len(train) - alone)
    if k < 1:
        raise MaskwrightError(
            "k-NN needs a train image besides the test image itself; got 1 image."
        )
    used = replace(settings, k=k)
    votes, classes = count_votes(train, tested.values, used, exclude_self=alone, chunk=chunk)
    answers = judge_answers(votes, classes, tested.labels, train.labels, seed)
    return KnnResult(answers, used, len(train), alone, _notes(settings.k, k))


def _check_widths(train: Labeled, tested: Labeled) -> None:
    if tested.values.shape[1] != train.values.shape[1]:
        raise MaskwrightError(
            f"Train and test features differ in width: {train.values.shape[1]} and"
            f" {tested.values.shape[1]}."
        )


def _notes(requested: int, used: int) -> tuple[str, ...]:
    if used == requested:
        return ()
    return (f"k = {requested} is more than the train images at hand; used k = {used}.",)


def count_votes(
    train: Labeled,
    values: Tensor,
    settings: KnnSettings,
    *,
    exclude_self: bool = False,
    chunk: int = 512,
) -> tuple[Tensor, Tensor]:
    """Sum the neighbors' votes per class, for (n, D) vectors.

    exclude_self: row i of `values` is train image i and does not vote for itself.

    Returns votes (n, K) float64 and the class labels (K,) in rising order.
    """
    classes, class_of = train.labels.unique(return_inverse=True)
    keys, queries = _directions(train.values, values, settings.standardize)
    votes = torch.zeros(len(values), len(classes), dtype=torch.float64, device=keys.device)
    for start in range(0, len(values), chunk):
        cosine = queries[start : start + chunk] @ keys.T
        if exclude_self:
            # The diagonal of this chunk: test image start + i is train image start + i.
            rows = torch.arange(len(cosine), device=keys.device)
            cosine[rows, rows + start] = -torch.inf
        near = _nearest(cosine, settings.k)
        # Minus 1 scales all weights by exp(-1 / temperature): no order changes, nothing overflows.
        similarity = cosine.gather(1, near).double() - 1
        weight = torch.exp(similarity / settings.temperature)
        votes[start : start + chunk].scatter_add_(1, class_of[near], weight)
    return votes, classes


def _directions(train: Tensor, values: Tensor, standardize: bool) -> tuple[Tensor, Tensor]:
    if standardize:
        by_train = Standardizer.fit(train)
        train, values = by_train.apply(train), by_train.apply(values)
    return F.normalize(train.float(), dim=1), F.normalize(values.float(), dim=1)


def _nearest(cosine: Tensor, k: int) -> Tensor:
    """The k largest per row, ids (n, k); of equal ones at the edge the earlier image is taken."""
    values, ids = cosine.topk(k, dim=1)
    # topk alone promises nothing about ties, so rows with a tie at the edge are sorted in full.
    edge = values[:, -1:]
    num_at_least = (cosine >= edge).sum(1)
    (tied,) = (num_at_least > k).nonzero(as_tuple=True)
    if len(tied):
        order = torch.argsort(cosine[tied], dim=1, descending=True, stable=True)
        ids[tied] = order[:, :k]
    return ids
