"""A linear probe by cross-validation, for few labeled pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from maskwright.evaluation.cross_validation import cross_validate
from maskwright.evaluation.features import join_features
from maskwright.support.checks import check_count
from maskwright.support.files import hash_strings
from maskwright.workflows.measuring.probe_context import ProbeContext
from maskwright.workflows.measuring.probes.linear import LinearProbe


@dataclass(frozen=True, kw_only=True)
class CrossValidatedProbe(LinearProbe):
    """The linear probe on all labeled pictures, each answered by one that never saw its label.

    Train and test pictures are joined and dealt into folds, class by class; pictures of equal
    pixels share a fold. For each fold a probe is tuned and fitted on the others; the penalty is
    chosen by cross-entropy, because the accuracy of a few held-out pictures is a matter of luck.
    Intervals are narrower than those of one small test set. The encoder may have been trained
    on some of the pictures, though on no label.

    Formula: as linear, once for each fold
    Source: Stone 1974 (cross-validation).

    pooling: `mean`, `cls` or `both` for all encoders, or `best`, which takes three times as long.
    folds: how many parts.
    """

    pooling: str = "mean"
    folds: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("folds", self.folds, 2)

    def describe_split(self, train: int, test: int) -> str:
        """All pictures are tested, whichever part they are in."""
        return (
            f"cross_validated joins both parts: all {train + test:,} are tested, in {self.folds}"
            " folds, each by a probe fitted on the other folds"
        )

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Numbers over train and test pictures together."""
        settings = replace(
            self._settings(context.subject.pick_pooling(self.pooling)), choose_by="cross_entropy"
        )
        pair = context.features
        joined = join_features([pair.train, pair.test], [pair.train.labels, pair.test.labels])
        # Hashes of the pixels; streams keep none, and then every picture stands for itself.
        hashes = [context.train.content, context.test.content]
        known = [part for part in hashes if part is not None]
        groups = torch.cat(known) if len(known) == len(hashes) else None
        result = cross_validate(
            joined, self.folds, settings, seed=context.subject.seed, groups=groups
        )
        # Encoders of other sizes may skip other train pictures, and then no pairs can be made.
        tested = hash_strings([*context.train.keys, *context.test.keys])
        return {**result.to_dict(), "tested": tested}
