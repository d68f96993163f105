"""Attention of a vision transformer as a map: what its class token looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.data.maps.map_writer import MapPlan
from maskwright.data.maps.originals import Original
from maskwright.data.pixels.resize import resize_pixels
from maskwright.support.errors import MaskwrightError


class Teacher(Protocol):
    """A trained network with an attention map."""

    def attention(self, images: Tensor) -> Tensor:
        """(B, rows, cols) attention of uint8 (B, C, H, W) pictures."""


@dataclass(frozen=True, kw_only=True)
class AttentionMap:
    """Attention stretched to 0 to 1 within each picture.

    file: a run or a checkpoint.
    teacher: the network in it.
    stamp: changes when its weights do.
    device: where it runs.
    """

    file: str | None = None
    teacher: Teacher | None = None
    stamp: str = ""
    device: str = "cpu"

    def plan(self) -> MapPlan:
        if self.file is None or self.teacher is None:
            raise MaskwrightError(
                "attention needs a network: attention(from='runs/mine'), or a checkpoint instead."
            )
        made = f"attention of {self.file} ({self.stamp}), stretched to 0 to 1 in each picture"
        return MapPlan(name="attention", kind="share", made=made)

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        """Pictures of one size go through the network together."""
        maps: list[np.ndarray | None] = [None] * len(originals)
        stored = [_stored(original) for original in originals]
        shapes = [pixels.shape for pixels in stored]
        for shape in dict.fromkeys(shapes):
            same = [index for index, other in enumerate(shapes) if other == shape]
            batch = np.stack([stored[index] for index in same])  # (B, H, W, C)
            images = torch.from_numpy(batch).permute(0, 3, 1, 2)  # (B, C, H, W)
            for index, attention in zip(same, self._look(images), strict=True):
                maps[index] = attention
        # Every picture has some size, so every map is made; this only says so to type checkers.
        return [attention for attention in maps if attention is not None]

    def _look(self, images: Tensor) -> np.ndarray:
        """(B, H, W) uint8 attention, smoothly enlarged."""
        assert self.teacher is not None
        attention = self.teacher.attention(images.to(self.device))  # (B, rows, cols)
        attention = attention.detach().float().cpu()
        # Attention sums to 1 over the patches: only its order within a picture says something.
        low = attention.amin((1, 2), keepdim=True)  # (B, 1, 1)
        high = attention.amax((1, 2), keepdim=True)
        share = (attention - low) / (high - low).clamp(min=1e-12)
        large = F.interpolate(
            share[:, None],
            size=images.shape[-2:],
            mode="bilinear",
            align_corners=False,
        )  # (B, 1, H, W)
        levels = large[:, 0].clamp(0, 1) * 255
        return levels.round().byte().numpy()


def _stored(original: Original) -> np.ndarray:
    """The picture as it is stored: windowed and shrunk."""
    return resize_pixels(original.pixels(3), original.size)
