"""Pooled tokens after every block of a frozen encoder, in one pass over the images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskwright.evaluation.features import Features, ImageBatch, join_labels
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True)
class LayerFeatures:
    """Pooled tokens of n images after each of L blocks.

    cls: class token (L, n, D), or None where the encoder has none.
    mean: mean patch token (L, n, D).
    labels: (n,) int64, or None without labels.
    """

    cls: Tensor | None
    mean: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.mean)

    def at(self, layer: int) -> Features:
        """The features after block `layer`, 1 being the first."""
        cls = None if self.cls is None else self.cls[layer - 1]
        return Features(cls, self.mean[layer - 1], self.labels)


def extract_layers(
    model: MaskedAutoencoder | ImageEncoder,
    batches: Iterable[ImageBatch],
    *,
    scale: PixelScale,
    device: torch.device,
    precision: torch.dtype = torch.float32,
) -> LayerFeatures:
    """Encode every image with all patches visible and pool the tokens after each block.

    Raises MaskwrightError without images.
    """
    firsts, means, labels = [], [], []
    prefix = model.config.num_prefix
    # without a class token any token is read, and dropped at the end
    num_class = max(1, model.config.num_class)
    with evaluation_mode(model, device, precision):
        for batch in batches:
            # L times (B, prefix + N, D) -> (L, B, D)
            by_layer = _tokens_by_layer(model, scale.to_model(batch.images.to(device)))
            pooled = [tokens[:, prefix:].float().mean(1) for tokens in by_layer]
            means.append(torch.stack(pooled).cpu())
            classes = [tokens[:, :num_class].float().mean(1) for tokens in by_layer]
            firsts.append(torch.stack(classes).cpu())
            labels.append(batch.labels)
    if not means:
        raise MaskwrightError("There are no images to take features from.")
    cls = torch.cat(firsts, 1) if model.config.class_token else None
    return LayerFeatures(cls, torch.cat(means, 1), join_labels(labels))


def _tokens_by_layer(model: MaskedAutoencoder | ImageEncoder, images: Tensor) -> list[Tensor]:
    encoder = model.encoder
    tokens, rotation = encoder.begin(patchify(images, model.grid.patch_size))
    layers = []
    for block in encoder.blocks:
        tokens = block(tokens, rotation)
        layers.append(tokens)
    # Only the last went through the final norm in training; the others stay as they are.
    norm: nn.Module = encoder.norm
    return [*layers[:-1], norm(layers[-1])]
