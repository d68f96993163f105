"""Terms that compare predicted pixels with the target, in float32: mean over the values of a patch, then over predicted patches."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from maskwright.patches.prediction import Prediction
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class SquaredError:
    """Mean squared error at the predicted patches (He et al. 2022); a zero prediction of normalized patches costs (P - 1) / P."""

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        return F.mse_loss(prediction.values.float(), prediction.targets())


@dataclass(frozen=True, kw_only=True)
class AbsoluteError:
    """Mean absolute error at the predicted patches."""

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        return F.l1_loss(prediction.values.float(), prediction.targets())


@dataclass(frozen=True, kw_only=True)
class SmoothAbsoluteError:
    """Squared error / (2 beta) below `beta`, absolute error minus beta / 2 above it (SimMIM and data2vec use such a loss)."""

    beta: float = 1.0

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise MaskwrightError(f"smooth_l1 needs beta > 0 (it is l1 at 0); got {self.beta:g}.")

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        return F.smooth_l1_loss(prediction.values.float(), prediction.targets(), beta=self.beta)
