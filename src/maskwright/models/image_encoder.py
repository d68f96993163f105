"""An encoder without a decoder: all that features need, and all that some files hold."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskwright.models.config import ModelConfig
from maskwright.models.encoder import Encoder
from maskwright.models.initialize import draw_weights
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import patchify
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


class ImageEncoder(nn.Module):
    """Turns whole images into tokens.

    Parameters have the names that they have in a MaskedAutoencoder. The decoder's entries of the
    configuration mean nothing here.

    rng: as for MaskedAutoencoder.
    """

    def __init__(self, config: ModelConfig, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.grid = Grid.of_image(*config.image_size, config.patch_size)
        self.encoder = Encoder(config, self.grid)
        draw_weights(self, rng if rng is not None else torch_generator(0, "weights"))

    def encode(self, images: Tensor) -> Tensor:
        """Encode (B, C, H, W) images in the model's numbers: (B, num_prefix + N, width).

        Patches are in raster order, and there is no chance in it.
        """
        shape = (self.config.channels, *self.grid.image_size)
        if tuple(images.shape[1:]) != shape:
            raise MaskwrightError(
                f"This encoder takes (B, {', '.join(map(str, shape))}) images; got"
                f" {tuple(images.shape)}."
            )
        patches = patchify(images, self.grid.patch_size)  # (B, N, P)
        return self.encoder(patches)
