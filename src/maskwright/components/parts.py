"""A predicted picture beside the true one, in what is seen and what is hidden of it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maskwright.patches.pixels import unpatchify
from maskwright.patches.prediction import Prediction


@dataclass(frozen=True)
class HiddenParts:
    """Pictures (B, C, H, W) in the model's numbers; parts are differences from the mean picture.

    original: whole.
    true: their hidden part.
    predicted: what was predicted of it.
    """

    original: Tensor
    true: Tensor
    predicted: Tensor

    @classmethod
    def of(cls, prediction: Prediction) -> HiddenParts:
        """Of a prediction whose values and truth are hidden parts."""
        assert prediction.truth is not None
        grid = prediction.grid
        return cls(
            original=unpatchify(prediction.patches.float(), grid),
            true=unpatchify(prediction.truth, grid),
            predicted=unpatchify(prediction.values.float(), grid),
        )

    @property
    def seen(self) -> Tensor:
        """What the encoder sees: the pictures without their hidden part."""
        return self.original - self.true

    @property
    def composite(self) -> Tensor:
        """What is seen with the predicted part."""
        return self.seen + self.predicted

    def explained(self) -> Tensor:
        """(B,) the share of the hidden variance that is predicted.

        1 is perfect, 0 is the mean picture, below is worse.
        """
        error = (self.predicted - self.true).square().flatten(1).sum(1)
        hidden = self.true.square().flatten(1).sum(1)
        # a picture without anything in its hidden part has nothing to predict
        return 1 - error / hidden.clamp_min(1e-12)
