"""torchvision's ImageNet weights: from torch's cache, downloaded once, or a way to get them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from maskwright.support.errors import NotAvailable


def imagenet_state(
    name: str, asker: str, from_file: str, without: str | None = None
) -> dict[str, Tensor]:
    """The state dict of torchvision's `vgg19`, `alexnet` ..., first version.

    name: of the network.
    asker: who needs it, for the error.
    from_file: what to write to take a file instead.
    without: what to write to do without.

    Raises NotAvailable with the address, the place to put the file and those ways out.
    """
    # Seconds to import, and needed by few.
    import torchvision

    # The original weights; later versions come from other recipes of training.
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    try:
        return dict(weights.get_state_dict(progress=False, check_hash=True, map_location="cpu"))
    except (OSError, RuntimeError) as error:
        # torch looks here first, so a file that is put there by hand is found.
        path = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[1]
        random = f" {without} does without." if without else ""
        raise NotAvailable(
            f"{asker} needs the ImageNet weights of {name}, and downloading them failed ({error})."
            f" Fetch {weights.url} on another machine and put it at {path}, or say where it is:"
            f" {from_file}.{random}"
        ) from error
