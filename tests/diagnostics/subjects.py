"""A tiny encoder, its pictures in memory, and what a diagnostic asks them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.evaluation.subject import ImagesOnly, Subject
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.seeding import torch_generator
from tests.conftest import draw_pictures

SCALE = PixelScale((0.5, 0.4, 0.6), (0.25, 0.25, 0.25))


@dataclass(frozen=True)
class MemoryPictures:
    """Pictures of two kinds, dark and bright, in batches of 16."""

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...] = ("dark", "bright")
    keys: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[ImagesOnly]:
        return (ImagesOnly(part) for part in self.images.split(16))

    def take(self, ids: Sequence[int]) -> MemoryPictures:
        return replace(self, images=self.images[ids], labels=self.labels[ids])


def pictures(count: int, seed: int = 0) -> MemoryPictures:
    images = torch.from_numpy(draw_pictures(count, 32, seed)).permute(0, 3, 1, 2)
    labels = torch.arange(count) % 2
    return MemoryPictures((images // 3 + 90 * labels[:, None, None, None]).byte(), labels)


def build_subject(name: str = "tiny", *, tokens: bool = True, **changes: Any) -> Subject:
    """A subject with random weights, or raw pixels."""
    sizes = {
        "width": 16,
        "depth": 2,
        "heads": 2,
        "decoder_width": 16,
        "decoder_depth": 1,
        "decoder_heads": 2,
    }
    config = ModelConfig(image_size=(32, 32), patch_size=4, **{**sizes, **changes})
    model = MaskedAutoencoder(config, torch_generator(3, "weights")).eval() if tokens else None
    return Subject(
        name=name,
        model=model,
        scale=SCALE,
        image_size=(32, 32),
        patch_size=4,
        train=pictures(60, seed=1),
    )


def material(count: int = 40) -> DiagnosticPictures:
    return DiagnosticPictures(test=pictures(count, seed=2))
