"""Images become vectors: pooled tokens of a frozen encoder, and raw pixels as a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.evaluation.frozen import evaluation_mode
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError, unknown_name

# Class token, mean of the patch tokens, or both side by side.
POOLINGS = ("cls", "mean", "both")

Encode = Callable[[Tensor], Tensor]


class ImageBatch(Protocol):
    """What a loader yields: uint8 images (B, C, H, W), and int64 labels (B,) or None."""

    @property
    def images(self) -> Tensor: ...

    @property
    def labels(self) -> Tensor | None: ...


@dataclass(frozen=True)
class Labeled:
    """One vector and one label per image: values (n, D) float32, labels (n,) int64."""

    values: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.labels.shape != self.values.shape[:1]:
            raise MaskwrightError(
                f"Each vector needs one label; got {tuple(self.values.shape)} and"
                f" {tuple(self.labels.shape)}."
            )
        if not len(self.labels):
            raise MaskwrightError("A probe needs images; got none.")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, ids: Tensor) -> Labeled:
        """The images at these positions."""
        return Labeled(self.values[ids], self.labels[ids])

    def to(self, device: torch.device | str) -> Labeled:
        return Labeled(self.values.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Features:
    """Pooled tokens of n images, float32 on the CPU.

    cls: class token (n, C), or None where the encoder has none.
    mean: mean patch token (n, D).
    labels: (n,) int64, or None without labels.

    C and D are the encoder's width, or more where a readout joins several blocks or parts of the
    picture (see readout.py). Raises MaskwrightError when some are NaN or infinite: no probe could
    say anything about them.
    """

    cls: Tensor | None
    mean: Tensor
    labels: Tensor | None = None

    def __post_init__(self) -> None:
        # Here and not in each probe: no feature leaves this room unchecked.
        for values in (self.mean, self.cls):
            if values is not None and not bool(torch.isfinite(values).all()):
                spoiled = (~torch.isfinite(values)).any(1)
                raise MaskwrightError(
                    f"The features of {int(spoiled.sum()):,} of {len(values):,} pictures are not"
                    " finite (NaN or infinite), although the weights are: the numbers overflow on"
                    " the way. Check the pixel scale (@mean=,std=), or use other weights."
                )

    @property
    def poolings(self) -> tuple[str, ...]:
        """The names `pooled` accepts here: all with a class token, else `mean` alone."""
        return POOLINGS if self.cls is not None else ("mean",)

    def pooled(self, pooling: str) -> Tensor:
        """The vectors (n, D), or (n, C + D) for `both`: class token and mean side by side."""
        if pooling not in POOLINGS:
            raise unknown_name("pooling", pooling, POOLINGS)
        if pooling == "mean":
            return self.mean
        if self.cls is None:
            raise MaskwrightError(
                f"Pooling '{pooling}' needs a class token and this encoder has none; use mean."
            )
        return self.cls if pooling == "cls" else torch.cat([self.cls, self.mean], dim=1)

    def labeled(self, pooling: str) -> Labeled:
        """The vectors with their labels; raises MaskwrightError when the data has none."""
        if self.labels is None:
            raise MaskwrightError(
                "A probe needs labels and these images have none; use a folder with one sub-folder"
                " per class."
            )
        return Labeled(self.pooled(pooling), self.labels)

    def take(self, rows: Tensor) -> Features:
        """The features of some images: (n,) booleans or (k,) places."""
        cls = None if self.cls is None else self.cls[rows]
        return Features(cls, self.mean[rows], None if self.labels is None else self.labels[rows])


@dataclass(frozen=True)
class PrefixTokens:
    """The tokens in front of those of the patches.

    count: class and register tokens together.
    has_class: whether the first of them is a class token.
    """

    count: int
    has_class: bool = True


def extract_features(
    encode: Encode,
    batches: Iterable[ImageBatch],
    *,
    prefix: PrefixTokens,
    scale: PixelScale,
    device: torch.device,
    precision: torch.dtype = torch.float32,
) -> Features:
    """Encode every image with all patches visible and pool its tokens.

    encode: (B, C, H, W) model numbers -> (B, prefix + N, D), a module or bound method of one,
        whose training mode is restored afterwards.
    batches: uint8 images with or without labels.
    scale: from uint8 pixels to model numbers.
    device: where `encode` computes.
    precision: what it computes in.

    Raises MaskwrightError when there are no images.
    """
    firsts, means, labels = [], [], []
    with evaluation_mode(encode, device, precision):
        for batch in batches:
            images = scale.to_model(batch.images.to(device, non_blocking=True))
            tokens = encode(images).float()
            # (B, prefix + N, D) -> (B, D): registers are read by nobody
            means.append(tokens[:, prefix.count :].mean(1).cpu())
            firsts.append(tokens[:, 0].cpu())
            labels.append(batch.labels)
    _refuse_none(means)
    has_class = prefix.has_class and prefix.count > 0
    cls = torch.cat(firsts) if has_class else None
    return Features(cls, torch.cat(means), join_labels(labels))


def join_features(parts: list[Features], labels: list[Tensor | None]) -> Features:
    """The features of batches, one after another; raises MaskwrightError without any."""
    _refuse_none([part.mean for part in parts])
    firsts = [part.cls for part in parts if part.cls is not None]
    mean = torch.cat([part.mean for part in parts])
    return Features(torch.cat(firsts) if firsts else None, mean, join_labels(labels))


def raw_pixel_features(batches: Iterable[ImageBatch], side: int = 16) -> Features:
    """Describe every image by its own pixels in [0, 1], shrunk to at most side x side, as `mean`.

    What a probe reaches on these is what needs no learning at all. Raises MaskwrightError when
    there are no images.
    """
    pixels, labels = [], []
    for batch in batches:
        height, width = batch.images.shape[-2:]
        # Small pictures stay as they are; larger ones are averaged over areas.
        size = (min(side, height), min(side, width))
        shrunk = F.adaptive_avg_pool2d(batch.images.float() / 255, size)
        # (B, C, h, w) -> (B, C * h * w)
        pixels.append(shrunk.flatten(1).cpu())
        labels.append(batch.labels)
    _refuse_none(pixels)
    return Features(None, torch.cat(pixels), join_labels(labels))


def _refuse_none(parts: list[Tensor]) -> None:
    if not parts:
        raise MaskwrightError("There are no images to take features from.")


def join_labels(labels: list[Tensor | None]) -> Tensor | None:
    """The labels of batches, one after another; None where a batch has none."""
    # Labels of a part of the images alone would belong to nobody.
    known = [part.cpu() for part in labels if part is not None]
    return torch.cat(known) if len(known) == len(labels) else None
