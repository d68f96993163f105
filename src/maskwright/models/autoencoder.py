"""The masked autoencoder: an encoder for what is visible, a decoder for what is hidden."""

from __future__ import annotations

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
from maskwright.patches.prediction import Prediction
from maskwright.patches.target import PatchShape
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.targets.building import build_target

# By the word that configurations have for them.
_DECODERS: dict[str, type[Decoder | CrossDecoder]] = {"full": Decoder, "cross": CrossDecoder}


class MaskedAutoencoder(nn.Module):
    """Predicts the hidden patches of images from the visible ones (He et al. 2022).

    Which patches are hidden is an input.

    rng: draws the weights; the stream of seed 0 named "weights" when None. The global generator is
        never used.
    """

    def __init__(self, config: ModelConfig, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.grid = Grid.of_image(*config.image_size, config.patch_size)
        self.encoder = Encoder(config, self.grid)
        self.decoder: Decoder | CrossDecoder = _DECODERS[config.decoder](config, self.grid)
        # a module where it has something to save, such as fitted components
        self.target = build_target(config.target, PatchShape(config.patch_size, config.channels))
        draw_weights(self, rng if rng is not None else torch_generator(0, "weights"))

    def forward(
        self,
        images: Tensor,
        mask: PatchMask,
        weights_BV: Tensor | None = None,
        *,
        visible: bool = False,
    ) -> Prediction:
        """Encode the visible patches of images and predict those at `mask.predicted_ids`.

        images: (B, C, H, W) in the model's numbers.
        mask: which patches are visible, and which are predicted.
        weights_BV: what each visible token is multiplied by (a policy that learns sees the loss
            through it), nothing when None.
        visible: predict the visible patches too, for losses that ask for them.

        Raises MaskwrightError when images or mask do not fit the model.
        """
        patches = self._cut(images)  # (B, N, P)
        if mask.num_patches != self.grid.num_patches:
            raise MaskwrightError(
                f"The mask is for {mask.num_patches} patches; this model has a {self.grid}"
                f" ({self.grid.num_patches} patches)."
            )
        latent = self.encoder(patches, mask.visible_ids, weights_BV)  # (B, num_prefix + V, D)
        values = self.decoder(latent, mask, visible)
        # the predicted patches first, then the visible ones where they are predicted, too
        count = mask.predicted_ids.shape[1]
        return Prediction(
            values=values[:, :count],
            mask=mask,
            patches=patches,
            grid=self.grid,
            target=self.target,
            latent=latent,
            num_prefix=self.config.num_prefix,
            num_class=self.config.num_class,
            visible_values=values[:, count:] if visible else None,
        )

    def encode(self, images: Tensor) -> Tensor:
        """Encode all patches of (B, C, H, W) images: (B, num_prefix + N, D), after the final norm.

        Patches are in raster order, and there is no chance in it.
        """
        return self.encoder(self._cut(images))

    def fill_in(self, patches: Tensor, keep: Tensor) -> Tensor:
        """Predict all patches, (B, N, T), from kept ones, whose number may differ by image.

        Hidden patches are computed on but out of sight of all others, so that no outcome depends on
        them to the last bit; yet `keep` gets the slope of letting them in.

        patches: (B, N, P) in the model's numbers.
        keep: (B, N), 1 for kept and 0 for hidden patches.
        """
        gates = nn.functional.pad(keep, (self.config.num_prefix, 0), value=1.0)  # (B, T)
        # a token always sees itself, or a hidden one would have nothing to attend to
        itself = torch.eye(gates.shape[1], dtype=torch.bool, device=gates.device)
        gates_BTT = torch.where(itself, 1.0, gates[:, None])
        latent = self.encoder(patches, gates_BTT=gates_BTT)
        return self.decoder.fill_in(latent, keep)

    def fill_in_leaking(self, patches: Tensor, keep: Tensor) -> Tensor:
        """Predict all patches, (B, N, T), where the encoder sees even the hidden ones.

        What is kept has seen what is hidden through attention, so the outcome is better than any
        real masking allows.

        patches: (B, N, P) in the model's numbers.
        keep: (B, N) in [0, 1] mixes encoded patches with mask tokens.

        Raises MaskwrightError for a decoder that has nothing to mix.
        """
        if self.config.decoder != "full":
            raise MaskwrightError(
                "Mixing encoded patches with mask tokens needs a full decoder; this model's is"
                " cross. Use encode='kept'."
            )
        return self.decoder.fill_in(self.encoder(patches), keep)

    def _cut(self, images: Tensor) -> Tensor:
        """(B, C, H, W) images of the model's size to (B, N, P) patches."""
        shape = (self.config.channels, *self.grid.image_size)
        if tuple(images.shape[1:]) != shape:
            raise MaskwrightError(
                f"This model takes (B, {', '.join(map(str, shape))}) images; got"
                f" {tuple(images.shape)}."
            )
        return patchify(images, self.grid.patch_size)
