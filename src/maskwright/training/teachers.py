"""Whose attention guides a policy: an average of the model's own encoder, or another encoder."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.models.attention_map import attention_map
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_attention_map
from maskwright.models.encoder import Encoder
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale, patchify


class OwnTeacher(nn.Module):
    """An exponential average of the trained encoder.

    It is part of the training's state, so that a resumed run goes on exactly.
    """

    def __init__(
        self, config: ModelConfig, grid: Grid, encoder: Encoder, decay: float, refresh: int
    ) -> None:
        """Begin as the encoder is.

        decay: what the average keeps of itself per optimizer step.
        refresh: steps between two renewals.
        """
        super().__init__()
        self.config = config
        self.grid = grid
        self.decay = decay
        self.refresh = refresh
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
        # One renewal stands for all the steps since the last.
        pairs = zip(self.encoder.parameters(), encoder.parameters(), strict=True)
        for averaged, current in pairs:
            averaged.lerp_(current, 1 - self.decay**passed)
        self._step = step

    @torch.no_grad()
    def look(self, images: Tensor) -> Tensor:
        """(B, N) attention for (B, C, H, W) images in the model's numbers."""
        return attention_map(self.encoder, patchify(images, self.grid.patch_size)).float()

    def flops(self) -> int:
        return count_attention_map(self.config)

    def get_extra_state(self) -> dict[str, int]:
        return {"step": self._step}

    def set_extra_state(self, state: Any) -> None:
        self._step = int(state["step"])


class Teacher:
    """An encoder that was trained elsewhere, with its own picture size and pixel scale.

    It is no part of the training's state.
    """

    def __init__(self, encoder: Encoder, config: ModelConfig, scale: PixelScale) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.config = config
        self.scale = scale
        self.grid = Grid.of_image(*config.image_size, config.patch_size)

    @torch.no_grad()
    def attention(self, images: Tensor) -> Tensor:
        """(B, rows, cols) attention on the teacher's own grid.

        images: (B, C, H, W) of any size, uint8 or in [0, 1].
        """
        attention = attention_map(self.encoder, self.cut(images))  # (B, N)
        return attention.float().view(-1, self.grid.rows, self.grid.cols)

    def cut(self, images: Tensor) -> Tensor:
        """Patches (B, N, P) in the teacher's numbers, on the teacher's grid.

        images: (B, C, H, W) of any size, uint8 or in [0, 1]. The encoder moves to their device.
        """
        # Not a module of the training, so nobody else moves it.
        self.encoder.to(images.device)

        # To what the teacher was trained on: values in [0, 1], its channels, its size.
        unit = images.float() / 255 if images.dtype == torch.uint8 else images.float()
        if unit.shape[1] != self.scale.channels:
            unit = unit.mean(1, keepdim=True).expand(-1, self.scale.channels, -1, -1)
        if tuple(unit.shape[2:]) != self.grid.image_size:
            unit = F.interpolate(
                unit, self.grid.image_size, mode="bilinear", antialias=True, align_corners=False
            )
        return patchify(self.scale.to_model(unit), self.grid.patch_size)

    def look(self, images: Tensor, scale: PixelScale, grid: Grid) -> Tensor:
        """(B, N) attention on another model's grid; each row sums to 1.

        images: (B, C, H, W) in that model's numbers.
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
        return count_attention_map(self.config)
