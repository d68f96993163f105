"""Features of held-out pictures, beside those of random weights of the same shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.data.augment.transforms import Augment
from maskwright.diagnostics.spread import effective_rank, mean_distance, spectrum
from maskwright.evaluation.agreement import Agreement, measure_agreement
from maskwright.evaluation.readout import read_features
from maskwright.evaluation.subject import ImagesOnly
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel

# The mean of the last block's patch tokens: what learning changes most. Readouts of all blocks hold
# early ones, in which random weights know a picture by its colors nearly as well.
READOUT = "last"
# Smallest share of a picture's area that a crop keeps.
CROP_SCALE = 0.4
CHUNK = 128


@dataclass(frozen=True)
class EncoderEvidence:
    """Of one encoder.

    features: (n, D) of the whole pictures.
    agreement: of two crops of each.
    effective_rank: of the features; 1 where all are the same.
    distance: mean cosine distance of two pictures.
    """

    features: Tensor
    agreement: Agreement
    effective_rank: float
    distance: float


@dataclass(frozen=True)
class FeatureEvidence:
    """Of the trained encoder and of random weights, on the same crops."""

    trained: EncoderEvidence
    untrained: EncoderEvidence


def compare_features(
    loaded: LoadedModel, untrained: MaskedAutoencoder, images: Tensor, device: torch.device
) -> FeatureEvidence:
    """Read both encoders on (n, C, H, W) uint8 pictures and two random crops of each."""
    crops = [draw_crops(images, number) for number in (0, 1)]
    found = [
        _measure(model, loaded.scale, images, crops, device) for model in (loaded.model, untrained)
    ]
    return FeatureEvidence(trained=found[0], untrained=found[1])


def draw_crops(images: Tensor, number: int) -> Tensor:
    """A random crop of each picture, mirrored by chance, at the same size; another per number."""
    height, width = images.shape[-2:]
    count = len(images)
    augment = Augment(size=(height, width), scale=(CROP_SCALE, 1.0))
    boxes = augment.draw(
        torch.full((count,), height),
        torch.full((count,), width),
        seed=0,
        epoch=number,
        sample_ids=torch.arange(count),
    )
    views = [
        box.apply(image, (height, width))
        for box, image in zip(boxes.to_list(), images, strict=True)
    ]
    return torch.stack(views)


def _measure(
    model: MaskedAutoencoder,
    scale: PixelScale,
    images: Tensor,
    crops: list[Tensor],
    device: torch.device,
) -> EncoderEvidence:
    model.to(device)
    features, first, second = (
        _features(model, scale, pictures, device) for pictures in (images, *crops)
    )
    return EncoderEvidence(
        features=features,
        agreement=measure_agreement(first, second),
        effective_rank=_rank(features),
        distance=mean_distance(features),
    )


def _features(
    model: MaskedAutoencoder, scale: PixelScale, images: Tensor, device: torch.device
) -> Tensor:
    """(n, D) on the CPU."""
    batches = [ImagesOnly(part) for part in images.split(CHUNK)]
    return read_features(model, batches, READOUT, scale=scale, device=device).mean


def _rank(features: Tensor) -> float:
    """The effective rank; 1 where every picture has the same features."""
    try:
        return effective_rank(spectrum(features))
    except MaskwrightError:
        return 1.0
