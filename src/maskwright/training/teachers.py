"""Whose attention guides a policy: an average of the model's own encoder, or another encoder that
stays as it is.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.models.attention_map import attention_map
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_look
from maskwright.models.encoder import Encoder
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale, patchify


class OwnTeacher(nn.Module):
    """An exponential average of the trained encoder; part of the training's state, so that a
    resumed run goes on exactly.
    """

    def __init__(
        self, config: ModelConfig, grid: Grid, encoder: Encoder, decay: float, refresh: int
    ) -> None:
        """decay: what the average keeps of itself per optimizer step; refresh: steps between two
        renewals.
        """
        super().__init__()
        self.config, self.grid, self.decay, self.refresh = config, grid, decay, refresh
        self.encoder = Encoder(config, grid)
        self.encoder.requires_grad_(False)
        self._step = 0
        self.copy(encoder)

    def copy(self, encoder: Encoder) -> None:
        """Take over an encoder's weights as they are."""
        self.encoder.load_state_dict(encoder.state_dict())

    @torch.no_grad()
    def follow(self, encoder: Encoder, step: int) -> None:
        """Move towards the encoder as it is before optimizer step `step`, if a renewal is due."""
        passed = step - self._step
        if passed < self.refresh:
            return
        for own, new in zip(self.encoder.parameters(), encoder.parameters(), strict=True):
            own.lerp_(new, 1 - self.decay**passed)
        self._step = step

    @torch.no_grad()
    def look(self, images: Tensor) -> Tensor:
        """(B, N) attention for (B, C, H, W) images in the model's numbers."""
        return attention_map(self.encoder, patchify(images, self.grid.patch_size)).float()

    def flops(self) -> int:
        return count_look(self.config)

    def get_extra_state(self) -> dict[str, int]:
        return {"step": self._step}

    def set_extra_state(self, state: Any) -> None:
        self._step = int(state["step"])


class Teacher:
    """An encoder that was trained elsewhere, with its own picture size and pixel scale; no part of
    the training's state.
    """

    def __init__(self, encoder: Encoder, config: ModelConfig, scale: PixelScale) -> None:
        self.encoder, self.config, self.scale = encoder.eval().requires_grad_(False), config, scale
        self.grid = Grid.of_image(*config.image_size, config.patch_size)

    @torch.no_grad()
    def attention(self, images: Tensor) -> Tensor:
        """(B, rows, cols) attention on the teacher's own grid for images of any size, uint8 or in
        [0, 1], (B, C, H, W).
        """
        self.encoder.to(images.device)
        unit = images.float() / 255 if images.dtype == torch.uint8 else images.float()
        if unit.shape[1] != self.scale.channels:
            unit = unit.mean(1, keepdim=True).expand(-1, self.scale.channels, -1, -1)
        if tuple(unit.shape[2:]) != self.grid.image_size:
            unit = F.interpolate(
                unit, self.grid.image_size, mode="bilinear", antialias=True, align_corners=False
            )
        paid = attention_map(
            self.encoder, patchify(self.scale.to_model(unit), self.grid.patch_size)
        )
        return paid.float().view(-1, self.grid.rows, self.grid.cols)

    def look(self, images: Tensor, scale: PixelScale, grid: Grid) -> Tensor:
        """(B, N) attention on another model's grid, for images in that model's numbers; each row
        sums to 1.
        """
        maps = self.attention(scale.to_display(images))
        if tuple(maps.shape[1:]) != (grid.rows, grid.cols):
            maps = F.interpolate(
                maps[:, None],
                (grid.rows, grid.cols),
                mode="bilinear",
                antialias=True,
                align_corners=False,
            )[:, 0]
        flat = maps.flatten(1)
        return flat / flat.sum(1, keepdim=True)

    def flops(self) -> int:
        return count_look(self.config)
