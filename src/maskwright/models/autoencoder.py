"""The masked autoencoder: an encoder for what is visible, a decoder for what is hidden, and the prediction between them."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from maskwright.models.config import ModelConfig
from maskwright.models.cross_decoder import CrossDecoder
from maskwright.models.decoder import Decoder
from maskwright.models.encoder import Encoder
from maskwright.models.initialize import draw_weights
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import patchify
from maskwright.patches.prediction import Prediction, Target
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

_DECODERS = {"full": Decoder, "cross": CrossDecoder}


class MaskedAutoencoder(nn.Module):
    """Predicts the hidden patches of images from the visible ones; which are hidden is an input (He et al. 2022).

    rng: draws the weights; the stream of seed 0 named "weights" when None. The global generator is never used.
    """

    def __init__(self, config: ModelConfig, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.grid = Grid.of_image(*config.image_size, config.patch_size)
        self.encoder = Encoder(config, self.grid)
        self.decoder = _DECODERS[config.decoder](config, self.grid)
        draw_weights(self, rng if rng is not None else torch_generator(0, "weights"))

    def forward(self, images: Tensor, mask: PatchMask, weights_BV: Tensor | None = None, *, visible: bool = False) -> Prediction:
        """Encode the visible patches of (B, C, H, W) images in the model's numbers and predict those at `mask.predicted_ids`.

        weights: what each visible token is multiplied by (a policy that learns sees the loss through it), nothing when None.
        visible: predict the visible patches too, for losses that ask for them.
        Raises MaskwrightError when images or mask do not fit the model.
        """
        patches = self._cut(images)
        if mask.num_patches != self.grid.num_patches:
            raise MaskwrightError(
                f"The mask is for {mask.num_patches} patches; this model has a {self.grid} ({self.grid.num_patches} patches)."
            )
        latent = self.encoder(patches, mask.visible_ids, weights_BV)
        values = self.decoder(latent, mask, visible)
        count = mask.predicted_ids.shape[1]
        return Prediction(
            values=values[:, :count],
            mask=mask,
            patches=patches,
            grid=self.grid,
            target=cast(Target, self.config.target),
            latent=latent,
            num_prefix=self.config.num_prefix,
            class_token=self.config.class_token,
            visible_values=values[:, count:] if visible else None,
        )

    def encode(self, images: Tensor) -> Tensor:
        """Encode all patches of (B, C, H, W) images: (B, num_prefix + N, width) in raster order, after the final norm, without chance."""
        return self.encoder(self._cut(images))

    def _cut(self, images: Tensor) -> Tensor:
        wanted = (self.config.channels, *self.grid.image_size)
        if tuple(images.shape[1:]) != wanted:
            raise MaskwrightError(f"This model takes (B, {', '.join(map(str, wanted))}) images; got {tuple(images.shape)}.")
        return patchify(images, self.grid.patch_size)
