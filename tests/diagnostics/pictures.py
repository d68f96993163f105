"""Pictures and subjects in memory, for the tests of diagnostics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from maskwright.evaluation.subject import ImagesOnly, Subject
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.pixels import PixelScale


@dataclass(frozen=True, eq=False)
class MemoryPictures:
    """Uint8 images (n, C, H, W) with labels, a few at a time."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[ImagesOnly]:
        return (ImagesOnly(some) for some in self.images.split(7))

    def take(self, ids: Sequence[int]) -> MemoryPictures:
        return replace(self, images=self.images[ids], labels=self.labels[ids])


def bright_and_dark(count: int, side: int = 16, seed: int = 0) -> MemoryPictures:
    """Gray noise in two classes that differ in brightness alone."""
    labels = torch.arange(count) % 2
    noise = torch.randint(
        0, 60, (count, 3, side, side), generator=torch.Generator().manual_seed(seed)
    )
    return MemoryPictures(
        (noise + 120 * labels[:, None, None, None]).to(torch.uint8), labels, ("dark", "bright")
    )


def raw_subject(
    train: MemoryPictures, name: str = "raw pixels", model: ImageEncoder | None = None
) -> Subject:
    side = train.images.shape[-1]
    return Subject(
        name=name,
        model=model,
        scale=PixelScale((0.5,) * 3, (0.25,) * 3),
        image_size=(side, side),
        train=train,
    )
