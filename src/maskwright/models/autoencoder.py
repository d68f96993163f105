"""The masked autoencoder: an encoder for what is visible, a decoder for what is hidden, and the
prediction between them.
"""

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

_DECODERS: dict[str, type[Decoder | CrossDecoder]] = {"full": Decoder, "cross": CrossDecoder}


class MaskedAutoencoder(nn.Module):
    """Predicts the hidden patches of images from the visible ones; which are hidden is an input (He
    et al. 2022).

    rng: draws the weights; the stream of seed 0 named "weights" when None. The global generator is
        never used.
    """

    def __init__(self, config: ModelConfig, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.grid = Grid.of_image(*config.image_size, config.patch_size)
        self.encoder = Encoder(config, self.grid)
        self.decoder: Decoder | CrossDecoder = _DECODERS[config.decoder](config, self.grid)
        draw_weights(self, rng if rng is not None else torch_generator(0, "weights"))

    def forward(
        self,
        images: Tensor,
        mask: PatchMask,
        weights_BV: Tensor | None = None,
        *,
        visible: bool = False,
    ) -> Prediction:
        """Encode the visible patches of (B, C, H, W) images in the model's numbers and predict
        those at `mask.predicted_ids`.

        weights: what each visible token is multiplied by (a policy that learns sees the loss
            through it), nothing when None.
        visible: predict the visible patches too, for losses that ask for them.

        Raises MaskwrightError when images or mask do not fit the model.
        """
        patches = self._cut(images)
        if mask.num_patches != self.grid.num_patches:
            raise MaskwrightError(
                f"The mask is for {mask.num_patches} patches; this model has a {self.grid}"
                f" ({self.grid.num_patches} patches)."
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
        """Encode all patches of (B, C, H, W) images: (B, num_prefix + N, width) in raster order,
        after the final norm, without chance.
        """
        return self.encoder(self._cut(images))

    def fill_in(self, patches: Tensor, keep: Tensor) -> Tensor:
        """Predict all patches from kept ones, whose number may differ by image: (B, N, P) patches
        and keep (B, N) give (B, N, P).

        keep is 1 for kept and 0 for hidden patches. Hidden patches are computed on but out of sight
        of all others, so that no outcome depends on them to the last bit; yet keep gets the slope
        of letting them in. A token always sees itself.
        """
        gates = nn.functional.pad(keep, (self.config.num_prefix, 0), value=1.0)
        itself = torch.eye(gates.shape[1], dtype=torch.bool, device=gates.device)
        latent = self.encoder(patches, gates_BTT=torch.where(itself, 1.0, gates[:, None]))
        return self.decoder.fill_in(latent, keep)

    def fill_in_leaking(self, patches: Tensor, keep: Tensor) -> Tensor:
        """Predict all patches, (B, N, P), where the encoder sees every patch before the hidden ones
        are taken away.

        keep (B, N) in [0, 1] mixes encoded patches with mask tokens. What is kept has seen what is
        hidden through attention, so the outcome is better than any real masking allows. Raises
        MaskwrightError for a decoder that has nothing to mix.
        """
        if self.config.decoder != "full":
            raise MaskwrightError(
                "Mixing encoded patches with mask tokens needs a full decoder; this model's is"
                " cross. Use encode='kept'."
            )
        return self.decoder.fill_in(self.encoder(patches), keep)

    def _cut(self, images: Tensor) -> Tensor:
        wanted = (self.config.channels, *self.grid.image_size)
        if tuple(images.shape[1:]) != wanted:
            raise MaskwrightError(
                f"This model takes (B, {', '.join(map(str, wanted))}) images; got"
                f" {tuple(images.shape)}."
            )
        return patchify(images, self.grid.patch_size)
