"""Pooled tokens after every block of a frozen encoder, in one pass over the images: how far along
is what a probe needs?
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskwright.evaluation.features import Features, ImageBatch
from maskwright.evaluation.frozen import held_still
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True)
class LayerFeatures:
    """Pooled tokens of n images after each of L blocks: class token (L, n, D) or None, mean patch
    token (L, n, D), labels (n,).
    """

    cls: Tensor | None
    mean: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.mean)

    def at(self, layer: int) -> Features:
        """The features after block `layer`, 1 being the first; the last went through the final
        norm, the others did not.
        """
        return Features(
            None if self.cls is None else self.cls[layer - 1], self.mean[layer - 1], self.labels
        )


def extract_layers(
    model: MaskedAutoencoder | ImageEncoder,
    batches: Iterable[ImageBatch],
    *,
    scale: PixelScale,
    device: torch.device,
    precision: torch.dtype = torch.float32,
) -> LayerFeatures:
    """Encode every image with all patches visible and pool the tokens after each block; raises
    MaskwrightError without images.
    """
    firsts, means, labels = [], [], []
    prefix = model.config.num_prefix
    with held_still(model, device, precision):
        for batch in batches:
            by_layer = _tokens_by_layer(model, scale.to_model(batch.images.to(device)))
            means.append(
                torch.stack([tokens[:, prefix:].float().mean(1) for tokens in by_layer]).cpu()
            )
            firsts.append(torch.stack([tokens[:, 0].float() for tokens in by_layer]).cpu())
            labels.append(batch.labels)
    if not means:
        raise MaskwrightError("There are no images to take features from.")
    known = [part.cpu() for part in labels if part is not None]
    told = torch.cat(known) if len(known) == len(labels) else None
    return LayerFeatures(
        torch.cat(firsts, 1) if model.config.class_token else None, torch.cat(means, 1), told
    )


def _tokens_by_layer(model: MaskedAutoencoder | ImageEncoder, images: Tensor) -> list[Tensor]:
    encoder = model.encoder
    tokens, rotation = encoder.begin(patchify(images, model.grid.patch_size))
    found = []
    for block in encoder.blocks:
        tokens = block(tokens, rotation)
        found.append(tokens)
    norm: nn.Module = encoder.norm
    return [*found[:-1], norm(found[-1])]
