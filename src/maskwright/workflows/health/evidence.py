"""What findings are made from: the record of a run, its pictures, and what its model does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from maskwright.components.policy_text import hides_components
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.support.seeding import torch_generator
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.health.feature_evidence import FeatureEvidence, compare_features
from maskwright.workflows.health.filling_evidence import FillingEvidence, measure_filling
from maskwright.workflows.health.record import RunRecord
from maskwright.workflows.loading.pictures import Pictures, eval_images

# Of the training pictures, how many are looked at; a share of 1 % then shows with certainty.
SAMPLED = 512


@dataclass(frozen=True)
class Evidence:
    """Everything that a finding may ask for; what costs time is measured when it is first asked.

    record: what the run has written.
    pictures: those of the run.
    loaded: the model of its last checkpoint; None where there is none to open.
    broken_weights: why the checkpoint cannot be used; empty where it can.
    count: held-out pictures that filling in and features are measured on.
    device: where the model computes.
    """

    record: RunRecord
    pictures: Pictures
    loaded: LoadedModel | None
    broken_weights: str
    count: int
    device: torch.device

    @property
    def held_out(self) -> str:
        """What is measured on, in words."""
        kind = "held-out pictures" if self.pictures.held is not None else "training pictures"
        return f"{len(self.images)} {kind}"

    @cached_property
    def images(self) -> Tensor:
        """(n, C, H, W) uint8, center-cropped; held out where any are."""
        return eval_images(self.pictures.fixed, self.pictures.size, self.count)

    @cached_property
    def sample(self) -> Tensor:
        """(n, C, H, W) uint8 training pictures, center-cropped."""
        return eval_images(self.pictures.train, self.pictures.size, SAMPLED)

    @cached_property
    def filling(self) -> FillingEvidence | None:
        """How masked patches come back; None without a model, and for one that never met any."""
        if self.loaded is None or hides_components(self.record.settings.mask.policy):
            return None
        ratio = self.record.last("masked", 0.75)
        return measure_filling(self.loaded, self.images, ratio, self.device)

    @cached_property
    def features(self) -> FeatureEvidence | None:
        """Features beside those of random weights; None without a model or with one picture."""
        if self.loaded is None or len(self.images) < 2:
            return None
        # The same random weights as `evaluate` measures beside an encoder.
        rng = torch_generator(0, "random weights")
        untrained = MaskedAutoencoder(self.loaded.model.config, rng).eval()
        return compare_features(self.loaded, untrained, self.images, self.device)
