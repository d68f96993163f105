"""The contract of loss terms: what a term is, and what it may ask for beyond the
predicted patches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from maskwright.patches.prediction import Prediction


@dataclass(frozen=True)
class Needs:
    """What a term asks for.

    visible: predictions of visible patches too (`Prediction.visible_values`).
    priors: names of per-picture maps (`Prediction.priors`).
    class_token: an encoder with one.
    pairs: at least two images in a batch.
    """

    visible: bool = False
    priors: frozenset[str] = frozenset()
    class_token: bool = False
    pairs: bool = False

    @classmethod
    def joined(cls, several: Iterable[Needs]) -> Needs:
        """All that any of them asks for."""
        every = list(several)
        return cls(
            visible=any(one.visible for one in every),
            priors=frozenset().union(*(one.priors for one in every)),
            class_token=any(one.class_token for one in every),
            pairs=any(one.pairs for one in every),
        )


class Term(Protocol):
    """One summand: a prediction and the images (B, C, H, W) it came from give one number.
    Implementations are frozen dataclasses.
    """

    @property
    def needs(self) -> Needs:
        """What the term asks for: a `ClassVar` where no setting changes it, a property where one
        does.
        """
        ...

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor: ...
