"""VGG networks as frozen feature extractors: the layers that the perceptual loss compares, under
the names of the paper.

`relu3_1` is the first activation of the third group of convolutions (Simonyan and Zisserman 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.seeding import torch_generator
from maskwright.weights.imagenet import imagenet_state
from maskwright.weights.state_files import read_state

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_NETWORKS = {"vgg16": torchvision.models.vgg16, "vgg19": torchvision.models.vgg19}


class VggExtractor(nn.Module):
    """The convolutions of a VGG up to the last layer that is compared; frozen, in
    evaluation mode.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, features: nn.Sequential, places: dict[str, int], layers: Sequence[str]
    ) -> None:
        """places: where each named activation stands among `features`; layers: which of them
        forward gives.
        """
        super().__init__()
        self.layers = tuple(layers)
        self.steps = features[: max(places[name] for name in layers) + 1]
        self._order = [places[name] for name in layers]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps of (B, 3, H, W) pixels in [0, 1], one per layer, in the order they were
        asked for.
        """
        least = 2 ** sum(isinstance(step, nn.MaxPool2d) for step in self.steps)
        if min(images.shape[-2:]) < least:
            raise MaskwrightError(
                f"Layer {self.layers[-1]} of a VGG needs pictures of at least {least} pixels; got"
                f" {min(images.shape[-2:])}."
            )
        values, found = (images - self.mean) / self.std, {}
        for place, step in enumerate(self.steps):
            values = step(values)
            if place in self._order:
                found[place] = values
        return [found[place] for place in self._order]


def load_vgg(name: str, layers: Sequence[str], weights: str = "imagenet") -> VggExtractor:
    """Load `vgg16` or `vgg19` with ImageNet weights, those of a file under torchvision's names, or
    random ones.

    Raises MaskwrightError for an unknown layer, and, saying how to get the weights, where they are
    missing.
    """
    with torch.device("meta"):
        features = _NETWORKS[name](weights=None).features
    places = _places(features)
    for layer in layers:
        if layer not in places:
            raise unknown_name(f"layer of {name}", str(layer), places)
    if weights == "random":
        _draw(features)
    else:
        _fill(features, _state(name, weights), name, weights)
    return VggExtractor(features, places, layers)


def _places(features: nn.Sequential) -> dict[str, int]:
    """Where `reluG_I` stands: activation I of group G, groups being parted by pooling."""
    places, group, inside = {}, 1, 0
    for place, step in enumerate(features):
        if isinstance(step, nn.ReLU):
            inside += 1
            places[f"relu{group}_{inside}"] = place
        elif isinstance(step, nn.MaxPool2d):
            group, inside = group + 1, 0
    return places


def _state(name: str, weights: str) -> dict[str, Tensor]:
    if weights == "imagenet":
        return imagenet_state(
            name,
            "The perceptual loss",
            "perceptual(weights='FILE')",
            "perceptual(weights='random')",
        )
    return read_state(Path(weights))


def _draw(features: nn.Sequential) -> None:
    """Random weights that keep the size of activations (He et al. 2015), the same for every run."""
    features.to_empty(device="cpu")
    rng = torch_generator(0, "random vgg")
    for step in features:
        if isinstance(step, nn.Conv2d):
            nn.init.kaiming_normal_(step.weight, nonlinearity="relu", generator=rng)
            nn.init.zeros_(step.bias)  # type: ignore[arg-type]


def _fill(features: nn.Sequential, state: dict[str, Tensor], name: str, source: str) -> None:
    wanted = features.state_dict()
    own = {key.removeprefix("features."): value for key, value in state.items()}
    missing = [key for key in wanted if key not in own or own[key].shape != wanted[key].shape]
    if missing:
        raise MaskwrightError(
            f"The weights '{source}' are not those of torchvision's {name}: {len(missing)} of"
            f" {len(wanted)} tensors are missing or of another shape, first"
            f" 'features.{missing[0]}'."
        )
    features.load_state_dict({key: own[key].float() for key in wanted}, assign=True)
