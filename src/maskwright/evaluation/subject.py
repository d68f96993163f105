"""What is measured: a frozen encoder, random weights or raw pixels, with a probe fitted once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from maskwright.evaluation.features import Features, ImageBatch, raw_pixel_features
from maskwright.evaluation.fixed_probe import FixedProbe, fit_fixed_probe
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.encoder import class_feature
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.support.errors import MaskwrightError


class Pictures(Protocol):
    """Labeled pictures of one size, in uint8 batches of the same order each time."""

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
        """Some of them, by their positions."""


@dataclass(frozen=True)
class ImagesOnly:
    """A batch of images without labels."""

    images: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A named frozen encoder and the clean train pictures its probe is fitted on.

    name: the name in tables and figures.
    model: None for raw pixels, which have features and a probe but no tokens.
    scale: from uint8 pixels to the numbers of the model.
    image_size: (height, width) of the pictures it takes.
    train: labeled pictures at this size.
    patch_size: side of the patches that raw pixels lose where encoders lose theirs.
    device: where it computes.
    precision: what the frozen encoder computes in.
    seed: draws what is held out to tune the probe.
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
    def has_class_token(self) -> bool:
        """Whether there is anything to pool but the mean."""
        return self.model is not None and self.model.config.class_token

    @property
    def encoder(self) -> MaskedAutoencoder | ImageEncoder:
        """The model, on the device; raises MaskwrightError for raw pixels."""
        if self.model is None:
            raise MaskwrightError(f"'{self.name}' has no tokens; this diagnostic needs an encoder.")
        # Subjects wait on the CPU until they are measured.
        self.model.to(self.device)
        return self.model

    @property
    def grid(self) -> Grid:
        """The patches of a picture."""
        if self.model is None:
            return Grid.of_image(*self.image_size, self.patch_size)
        return self.model.grid

    @property
    def num_prefix(self) -> int:
        """Class and register tokens in front of the patches."""
        return self.encoder.config.num_prefix

    def pick_pooling(self, pooling: str) -> str:
        """Return the pooling to use; raw pixels have only `mean`.

        Raises MaskwrightError for an encoder without the class token that it needs.
        """
        if self.model is None:
            return "mean"
        if pooling in ("cls", "both") and not self.has_class_token:
            raise MaskwrightError(
                f"Pooling '{pooling}' needs a class token and the encoder '{self.name}' has none;"
                " use mean."
            )
        return pooling

    def tokens(self, images: Tensor) -> Tensor:
        """Encode (B, C, H, W) uint8 images with every patch visible.

        Returns (B, prefix + N, D) float32 on the device.
        """
        # float32 before anything is pooled, whatever the encoder computes in.
        model = self.encoder
        with evaluation_mode(model.encode, self.device, self.precision):
            return model.encode(self.scale.to_model(images.to(self.device))).float()

    def patches(self, images: Tensor) -> Tensor:
        """Cut (B, C, H, W) uint8 images into (B, N, P) model numbers on the device."""
        return patchify(self.scale.to_model(images.to(self.device)), self.grid.patch_size)

    def pool(self, tokens: Tensor) -> Features:
        """Pool (B, prefix + N, D) tokens into features on the device where they lie."""
        first = class_feature(tokens, self.encoder.config)
        # (B, prefix + N, D) -> (B, D): the mean is over patches, without class and registers.
        return Features(first, tokens[:, self.num_prefix :].mean(1))

    def features(self, images: Tensor) -> Features:
        """Pool the tokens of (B, C, H, W) uint8 images; raw pixels are shrunk and flattened."""
        if self.model is None:
            return raw_pixel_features([ImagesOnly(images)])
        # Pooled on the device, so that small tensors travel to the CPU.
        pooled = self.pool(self.tokens(images))
        return Features(None if pooled.cls is None else pooled.cls.cpu(), pooled.mean.cpu())

    def features_of(self, pictures: Pictures) -> Features:
        """Features of all pictures, with their labels."""
        parts = [self.features(batch.images) for batch in pictures]
        # Raw pixels, and encoders without a class token, have the mean alone.
        classes = [part.cls for part in parts if part.cls is not None]
        return Features(
            torch.cat(classes) if classes else None,
            torch.cat([part.mean for part in parts]),
            pictures.labels,
        )

    @cached_property
    def train_features(self) -> Features:
        """Features of the clean train pictures, kept for further probes."""
        # Not from the cache of `evaluate`: that holds what --features reads, by default statistics
        # of all blocks, and the probe must be fitted on what is read of the changed pictures, the
        # last block.
        return self.features_of(self.train)

    @cached_property
    def probe(self) -> FixedProbe:
        """The linear probe, fitted when it is first needed."""
        return fit_fixed_probe(self.train_features, seed=self.seed)

    def predict(self, images: Tensor) -> Tensor:
        """Class scores (B, K) of the fixed probe for uint8 images; columns are `probe.labels`."""
        return self.probe.scores(self.features(images))

    def decide(self, images: Tensor) -> Tensor:
        """The label (B,) that the fixed probe gives each uint8 image."""
        return self.probe.labels[self.predict(images).argmax(1)]
