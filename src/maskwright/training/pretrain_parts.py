"""What a pretraining is made of, the numbers of its steps, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from maskwright.losses.objective import Objective
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.feature_sources import FeatureSource
from maskwright.training.masker import Masker
from maskwright.training.schedule_lr import LearningRate


@dataclass(frozen=True, kw_only=True)
class PretrainStepSettings:
    """The numbers that a training step needs, all plain.

    seed: of everything that is drawn in a step.
    optimizer: its name in the catalog.
    rate: the learning rate over the training.
    weight_decay, beta2: of the optimizer.
    clip: largest norm of the gradient, 0 for any.
    masks_per_image: how many masks each picture gets in a step.
    layer_decay: rate of an encoder's layer over that of the layer above it.
    decoder_first: share of the training in which the encoder is held still.
    """

    seed: int
    optimizer: str
    rate: LearningRate
    weight_decay: float
    beta2: float
    clip: float
    masks_per_image: int
    layer_decay: float = 1.0
    decoder_first: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PretrainParts:
    """What a training is made of.

    model: what is trained.
    masker: draws its masks, of patches or of parts of whole pictures.
    objective: the loss.
    features: what computes the target, where it is no function of the pixels alone.
    """

    model: MaskedAutoencoder
    masker: Masker | ComponentMasker
    objective: Objective
    features: FeatureSource | None = None


# The same few counts of patches come again and again, also where the ratio moves.
@lru_cache(maxsize=1024)
def training_cost(config: ModelConfig, num_visible: int, num_predicted: int) -> int:
    """Operations of an image's step with that many visible and predicted patches.

    It is asked for at every step, so it is remembered.
    """
    return count_step(config, num_visible, num_predicted).training
