"""VGG networks as frozen feature extractors: the layers that the perceptual loss compares.

`relu3_1` is the first activation of the third group of convolutions (Simonyan and Zisserman 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.seeding import torch_generator
from maskwright.weights.imagenet import imagenet_state
from maskwright.weights.state_files import read_state

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class VggExtractor(nn.Module):
    """The convolutions of a VGG up to the last layer compared; frozen, in evaluation mode."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, features: nn.Sequential, indices: dict[str, int], layers: Sequence[str]
    ) -> None:
        """Cut the network behind the last layer.

        features: all convolutions of a VGG.
        indices: where each named activation stands among them.
        layers: which of them forward gives.
        """
        super().__init__()
        self.layers = tuple(layers)
        self._order = [indices[name] for name in layers]
        self.steps = features[: max(self._order) + 1]
        # (3,) -> (3, 1, 1), to be broadcast over images.
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps of (B, 3, H, W) pixels in [0, 1], one per layer, in the layers' order."""
        # Each pooling halves the sides, and nothing may be left of a picture that is too small.
        least = 2 ** sum(isinstance(step, nn.MaxPool2d) for step in self.steps)
        if min(images.shape[-2:]) < least:
            raise MaskwrightError(
                f"Layer {self.layers[-1]} of a VGG needs pictures of at least {least} pixels; got"
                f" {min(images.shape[-2:])}."
            )
        values = (images - self.mean) / self.std
        maps = {}
        for index, step in enumerate(self.steps):
            values = step(values)
            if index in self._order:
                maps[index] = values
        return [maps[index] for index in self._order]


def load_vgg(name: str, layers: Sequence[str], weights: str = "imagenet") -> VggExtractor:
    """Load `vgg16` or `vgg19`.

    layers: names such as `relu3_1`.
    weights: `imagenet`, `random`, or a file under torchvision's names.

    Raises MaskwrightError for an unknown layer, and, saying how to get the weights, where they are
    missing.
    """
    # Seconds to import, and needed by few.
    import torchvision

    # Without memory: all weights are replaced below.
    with torch.device("meta"):
        features = torchvision.models.get_model(name, weights=None).features
    indices = _layer_indices(features)
    for layer in layers:
        if layer not in indices:
            raise unknown_name(f"layer of {name}", str(layer), indices)
    if weights == "random":
        _draw(features)
    else:
        _fill(features, _state(name, weights), name, weights)
    return VggExtractor(features, indices, layers)


def _layer_indices(features: nn.Sequential) -> dict[str, int]:
    """Where `reluG_I` stands: activation I of group G, groups being parted by pooling."""
    indices = {}
    group = 1
    number = 0
    for index, step in enumerate(features):
        if isinstance(step, nn.ReLU):
            number += 1
            indices[f"relu{group}_{number}"] = index
        elif isinstance(step, nn.MaxPool2d):
            group += 1
            number = 0
    return indices


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
    # The network was built without memory.
    features.to_empty(device="cpu")
    rng = torch_generator(0, "random vgg")
    for step in features:
        if isinstance(step, nn.Conv2d):
            nn.init.kaiming_normal_(step.weight, nonlinearity="relu", generator=rng)
            nn.init.zeros_(step.bias)  # type: ignore[arg-type]


def _fill(features: nn.Sequential, state: dict[str, Tensor], name: str, source: str) -> None:
    """Put the weights of a file into the network; the classifier in it is not needed."""
    needed = features.state_dict()
    given = {key.removeprefix("features."): value for key, value in state.items()}
    missing = [key for key in needed if key not in given or given[key].shape != needed[key].shape]
    if missing:
        raise MaskwrightError(
            f"The weights '{source}' are not those of torchvision's {name}: {len(missing)} of"
            f" {len(needed)} tensors are missing or of another shape, first"
            f" 'features.{missing[0]}'."
        )
    # Assigned and not copied, because the network has no memory to copy into.
    features.load_state_dict({key: given[key].float() for key in needed}, assign=True)
