"""LPIPS: how different two pictures look to people (Zhang et al. 2018)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.weights.imagenet import imagenet_state
from maskwright.weights.state_files import read_state

# The networks of LPIPS by their names in torchvision.
TRUNKS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
# Smaller pictures vanish in the pooling of the networks.
_LEAST_SIDE = 32
_SLICE = re.compile(r"^slice(\d|s\.\d)\.")


class PerceptualDistance:
    """Measures LPIPS (version 0.1) between pictures; 0 is equal, larger is more different."""

    def __init__(self, network: Any, trunk: str) -> None:
        self._network, self.trunk = network, trunk

    def __call__(self, pictures: Tensor, truth: Tensor) -> Tensor:
        """Compare (B, 1 or 3, H, W) pictures in [0, 1]; returns (B,) on their device.

        Raises MaskwrightError under 32 pixels.
        """
        channels, height, width = truth.shape[1:]
        if min(height, width) < _LEAST_SIDE or channels not in (1, 3):
            raise MaskwrightError(
                f"LPIPS compares gray or color pictures of at least {_LEAST_SIDE} pixels; got"
                f" {tuple(truth.shape[1:])}."
            )
        network = self._network.to(truth.device)
        # Gray pictures become three equal channels, which the networks expect.
        left = pictures.float().expand(-1, 3, -1, -1)
        right = truth.float().expand(-1, 3, -1, -1)
        with torch.no_grad():
            distances = network(left, right, normalize=True)
        return distances.flatten()


def load_distance(trunk: str = "alex", weights: str = "imagenet") -> PerceptualDistance:
    """Load LPIPS; numbers of different trunks do not compare, and papers mostly give `alex`.

    trunk: `alex`, `vgg` or `squeeze`.
    weights: imagenet (downloaded once), or a file of that network under torchvision's names.

    The weights fitted to people's judgments come with torchmetrics. Raises MaskwrightError, saying
    what to fetch, when those of the network are missing.
    """
    if trunk not in TRUNKS:
        raise unknown_name("LPIPS network", trunk, TRUNKS)
    network = _build(trunk)
    name = TRUNKS[trunk]
    if weights == "imagenet":
        state = imagenet_state(name, "LPIPS", "--lpips FILE (in Python lpips='FILE')")
    else:
        state = read_state(Path(weights))

    # The network cuts torchvision's `features` into slices: slice2.3.weight (in SqueezeNet
    # slices.1.3.weight) is features.3.weight there.
    renamed = {}
    for key, value in network.net.state_dict().items():
        source = _SLICE.sub("features.", key)
        if source not in state or state[source].shape != value.shape:
            raise MaskwrightError(
                f"The weights '{weights}' are not those of torchvision's {name}: '{source}' is"
                " missing or of another shape."
            )
        renamed[key] = state[source]
    network.net.load_state_dict(renamed)
    return PerceptualDistance(network.eval().requires_grad_(False), trunk)


def _build(trunk: str) -> Any:
    """The network with its fitted weights and a trunk still random; nothing is downloaded."""
    # Seconds to import, and needed by few.
    from torchmetrics.functional.image.lpips import _LPIPS

    # The random trunk must not use up draws of the global generator.
    with torch.random.fork_rng(devices=[]):
        # The public class of torchmetrics downloads its trunk; this one takes what it is given.
        return _LPIPS(net=trunk, pnet_rand=True)  # type: ignore[arg-type]
