"""torchvision's ImageNet weights: downloaded once to torch's cache, found there, or a sentence on
how to get them.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from torch import Tensor

from maskwright.support.errors import NotAtHand


def imagenet_state(
    name: str, asker: str, from_file: str, without: str | None = None
) -> dict[str, Tensor]:
    """The state dict of torchvision's `vgg19`, `alexnet` ..., first version.

    asker: who needs it, for the error; from_file and without: what to write to take a file instead,
        or to do without.

    Raises NotAtHand with the address, the place to put the file and those ways out.
    """
    chosen = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    try:
        return dict(chosen.get_state_dict(progress=False, check_hash=True, map_location="cpu"))
    except (OSError, RuntimeError) as error:
        place = Path(torch.hub.get_dir()) / "checkpoints" / chosen.url.rsplit("/", 1)[1]
        random = f" {without} does without." if without else ""
        raise NotAtHand(
            f"{asker} needs the ImageNet weights of {name}, and downloading them failed ({error})."
            f" Fetch {chosen.url} on another machine and put it at {place}, or say where it is:"
            f" {from_file}.{random}"
        ) from error
