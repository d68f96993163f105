"""Who is asked: a frozen encoder, random weights or raw pixels, with a linear probe that is fitted
once on clean train pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from maskwright.evaluation.features import Features, ImageBatch, Labeled, raw_pixel_features
from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.linear_probe import (
    FittedProbe,
    LinearProbeSettings,
    begin_probe,
    fit_probe,
    try_settings,
)
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError


class Pictures(Protocol):
    """Labeled pictures that can be gone through again and again, in the same order, as uint8
    batches of one size.
    """

    @property
    def labels(self) -> Tensor:
        """(n,) int64."""

    @property
    def classes(self) -> Sequence[str]:
        """The name of each label."""

    @property
    def keys(self) -> Sequence[str]:
        """The name of each picture."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[ImageBatch]: ...

    def take(self, ids: Sequence[int]) -> Pictures:
        """Some of them, by their places."""


@dataclass(frozen=True)
class ImagesOnly:
    """A batch of images without labels."""

    images: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True, eq=False)
class FixedProbe:
    """A linear probe that stays as it is, whatever is done to the pictures it is shown."""

    fitted: FittedProbe
    pooling: str
    penalty: float
    num_train: int
    train_majority: int

    @property
    def labels(self) -> Tensor:
        """(K,) labels in the order of the score columns, rising."""
        return self.fitted.labels

    def scores(self, features: Features) -> Tensor:
        """Class scores (n, K)."""
        return self.fitted.scores(features.pooled(self.pooling))[0]

    def decide(self, features: Features) -> Tensor:
        """The label (n,) with the largest score."""
        return self.labels[self.scores(features).argmax(1)]


def fit_fixed_probe(
    train: Features, settings: LinearProbeSettings | None = None, seed: int = 0
) -> FixedProbe:
    """Choose pooling and penalty on a held-out part of train and refit on all of it, as `maskwright
    evaluate` does.
    """
    settings = settings or LinearProbeSettings()
    poolings, labels = begin_probe(train, settings)
    attempts = try_settings(train, poolings, settings, seed)
    if not attempts:
        raise MaskwrightError(
            "A fixed probe needs a class with at least two train pictures; use more pictures."
        )
    best = max(attempts, key=lambda attempt: (attempt.accuracy, -attempt.cross_entropy))
    chosen: Labeled = train.labeled(best.pooling)
    fitted = fit_probe(chosen, (best.penalty,), settings.iterations)
    return FixedProbe(fitted, best.pooling, best.penalty, len(labels), int(labels.mode().values))


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A named frozen encoder and the clean train pictures its probe is fitted on.

    model: None for raw pixels, which have features and a probe but no tokens.
    image_size: (height, width) of the pictures it takes.
    patch_size: side of the patches that raw pixels lose where encoders lose theirs.
    """

    name: str
    model: MaskedAutoencoder | ImageEncoder | None
    scale: PixelScale
    image_size: tuple[int, int]
    train: Pictures
    patch_size: int = 8
    device: torch.device = torch.device("cpu")
    precision: torch.dtype = torch.float32
    seed: int = 0

    @property
    def has_tokens(self) -> bool:
        return self.model is not None

    @property
    def encoder(self) -> MaskedAutoencoder | ImageEncoder:
        """The model; raises MaskwrightError for raw pixels."""
        if self.model is None:
            raise MaskwrightError(f"'{self.name}' has no tokens; this diagnostic needs an encoder.")
        return self.model

    @property
    def grid(self) -> Grid:
        return (
            Grid.of_image(*self.image_size, self.patch_size)
            if self.model is None
            else self.model.grid
        )

    @property
    def num_prefix(self) -> int:
        return self.encoder.config.num_prefix

    @property
    def class_token(self) -> bool:
        return self.encoder.config.class_token

    def tokens(self, images: Tensor) -> Tensor:
        """Encode (B, C, H, W) uint8 images with every patch visible: (B, prefix + N, D) float32 on
        the device.
        """
        model = self.encoder.to(self.device)
        with held_still(model.encode, self.device, self.precision):
            return model.encode(self.scale.to_model(images.to(self.device))).float()

    def features(self, images: Tensor) -> Features:
        """Pool the tokens of (B, C, H, W) uint8 images as `maskwright evaluate` does; raw pixels
        are shrunk and flattened.
        """
        if self.model is None:
            return raw_pixel_features([ImagesOnly(images)])
        tokens = self.tokens(images)
        has_class = self.class_token and self.num_prefix > 0
        return Features(
            tokens[:, 0].cpu() if has_class else None, tokens[:, self.num_prefix :].mean(1).cpu()
        )

    def features_of(self, pictures: Pictures) -> Features:
        """Features of all pictures, with their labels."""
        parts = [self.features(batch.images) for batch in pictures]
        classes = [part.cls for part in parts if part.cls is not None]
        return Features(
            torch.cat(classes) if classes else None,
            torch.cat([part.mean for part in parts]),
            pictures.labels,
        )

    @cached_property
    def train_features(self) -> Features:
        """Features of the clean train pictures, kept for further probes."""
        return self.features_of(self.train)

    @cached_property
    def probe(self) -> FixedProbe:
        """The linear probe, fitted when it is first asked for."""
        return fit_fixed_probe(self.train_features, seed=self.seed)

    def predict(self, images: Tensor) -> Tensor:
        """Class scores (B, K) of the fixed probe for uint8 images; columns are `probe.labels`."""
        return self.probe.scores(self.features(images))

    def decide(self, images: Tensor) -> Tensor:
        """The label (B,) that the fixed probe gives each uint8 image."""
        return self.probe.labels[self.predict(images).argmax(1)]
