"""The contract of loss terms: what a term is, and what it may need beyond predicted patches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from maskwright.patches.prediction import Prediction


@dataclass(frozen=True)
class Needs:
    """What a term needs beyond predicted patches.

    visible: predictions of visible patches too (`Prediction.visible_values`).
    priors: names of per-picture maps (`Prediction.priors`).
    class_token: an encoder with one.
    pairs: at least two images in a batch.
    picture: a target that leads back to pixels.
    pixel_values: a target whose values are laid out as the pixels of a patch.
    """

    visible: bool = False
    priors: frozenset[str] = frozenset()
    class_token: bool = False
    pairs: bool = False
    picture: bool = False
    pixel_values: bool = False

    @classmethod
    def joined(cls, several: Iterable[Needs]) -> Needs:
        """All that any of them asks for."""
        every = list(several)  # an iterable may be gone through once only
        return cls(
            visible=any(needs.visible for needs in every),
            priors=frozenset().union(*(needs.priors for needs in every)),
            class_token=any(needs.class_token for needs in every),
            pairs=any(needs.pairs for needs in every),
            picture=any(needs.picture for needs in every),
            pixel_values=any(needs.pixel_values for needs in every),
        )


class Term(Protocol):
    """One summand: a prediction and its images (B, C, H, W) give one number.

    Implementations are frozen dataclasses whose fields are the options.
    """

    @property
    def needs(self) -> Needs:
        """What the term needs: a `ClassVar`, or a property where it depends on options."""
        ...

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        """The value, one number with a gradient."""
        ...
