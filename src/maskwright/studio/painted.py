"""What Paint and Policies ask for: a model, a picture and a policy, read from a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from maskwright.patches import PatchMask
from maskwright.studio.answers import field
from maskwright.studio.context import Studio
from maskwright.studio.policy_text import check_policy_text
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.filling.mask_for import MaskedPictures
from maskwright.workflows.live.masks import mask_live

# Models side by side.
MOST_MODELS = 2
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Scenery:
    """A loaded model and a picture at its size.

    place: where the model lies.
    image: (C, H, W) uint8.
    maps: (1, N) by name, where the data bring any.
    """

    loaded: LoadedModel
    place: str
    image: Tensor
    maps: Mapping[str, Tensor]

    @property
    def picture(self) -> MaskedPictures:
        """The picture as policies look at it."""
        return MaskedPictures(self.image[None], self.maps)


@dataclass(frozen=True)
class AskedMask:
    """A policy, a ratio and a seed."""

    choice: MaskChoice
    seed: int

    def draw(self, seen: Scenery) -> PatchMask:
        """The mask of the picture."""
        return mask_live(seen.loaded, seen.place, seen.picture, self.choice, self.seed)


def see(studio: Studio, model: str, picture: str) -> Scenery:
    """Load a model and fit a picture to it; to be called on the worker's threads."""
    loaded = studio.models.load(model)
    place = studio.models.entry(model).candidate.place
    image = studio.pictures.fitted(picture, loaded.model.config)
    return Scenery(loaded, place, image, studio.pictures.maps(picture, loaded.model.grid))


def read_models(body: Mapping[str, Any]) -> list[str]:
    """The ids of one or two models."""
    models = field(body, "models", list)
    if not 1 <= len(models) <= MOST_MODELS or not all(isinstance(item, str) for item in models):
        raise MaskwrightError(f"Choose one to {MOST_MODELS} models.")
    return models


def read_asked_mask(body: Mapping[str, Any]) -> AskedMask:
    """The policy, ratio and seed of a request."""
    policy = check_policy_text(field(body, "policy", str))
    ratio = float(field(body, "ratio", (int, float)))
    seed = field(body, "seed", int)
    if not 0 <= seed <= LARGEST_SEED:
        raise MaskwrightError(f"The seed is between 0 and {LARGEST_SEED}; got {seed}.")
    return AskedMask(MaskChoice(policy, ratio), seed)
