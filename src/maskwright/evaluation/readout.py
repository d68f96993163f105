"""What features are read from a frozen encoder: which blocks, and which parts of the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.evaluation.features import Features, ImageBatch, join_features
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.encoder import class_feature
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.support.errors import unknown_name

MOST_NUMBERS = 4096
"""Numbers per picture that joined blocks may take; of a deep and wide encoder fewer blocks are
read, evenly spaced.
"""

AT_ONCE_ON_CPU = 32
"""Pictures that a CPU encodes together. What it computes on then stays in its caches, which is 11
to 39 % faster than with 128 (docs/log.md).
"""


@dataclass(frozen=True)
class Readout:
    """Which tokens become features.

    every_block: those of every block, or of the last alone.
    cells: they are averaged over cells x cells parts of the picture.
    deviation: whether the standard deviation over the picture's patches stands beside the mean
        (statistics pooling, Snyder et al. 2018).
    summary: the same in words.
    """

    every_block: bool
    cells: int
    deviation: bool
    summary: str

    @property
    def numbers(self) -> int:
        """How many numbers each channel of a block gives."""
        return self.cells**2 + self.deviation


READOUTS: dict[str, Readout] = {
    "last": Readout(False, 1, False, "the mean of the last block's patch tokens"),
    "blocks": Readout(True, 1, False, "the means of all blocks side by side"),
    "grid": Readout(False, 2, False, "one mean per quarter of the picture, of the last block"),
    "blocks_grid": Readout(True, 2, False, "one mean per quarter of the picture, of all blocks"),
    "statistics": Readout(
        True, 1, True, "mean and deviation over the patches of all blocks side by side"
    ),
}
DEFAULT_READOUT = "statistics"
"""Chosen on training pictures that were held out (docs/log.md): ahead of the others for linear
probes and for standardized k-NN.
"""


def find_readout(name: str) -> Readout:
    """The readout of that name; raises MaskwrightError with the nearest known one."""
    if name not in READOUTS:
        raise unknown_name("features", name, READOUTS)
    return READOUTS[name]


def blocks_read(config: ModelConfig, readout: Readout) -> tuple[int, ...]:
    """The blocks that are read, 1 being the first: the last always, others evenly spaced."""
    if not readout.every_block:
        return (config.depth,)
    # Of a deep and wide encoder, only so many blocks fit into MOST_NUMBERS.
    fitting = max(1, MOST_NUMBERS // (config.width * readout.numbers))
    count = min(config.depth, fitting)
    steps_back = reversed(range(count))
    return tuple(config.depth - (config.depth * step) // count for step in steps_back)


def describe_readout(name: str, config: ModelConfig) -> dict[str, object]:
    """What was read, ready for JSON."""
    readout = find_readout(name)
    blocks = blocks_read(config, readout)
    return {
        "features": name,
        "blocks": list(blocks),
        "cells": readout.cells**2,
        "deviation": readout.deviation,
        "width": len(blocks) * readout.numbers * config.width,
    }


@dataclass(frozen=True)
class Reader:
    """Reads features of pictures from one encoder.

    The numbers are the same whatever the batch, up to rounding.

    model: the frozen encoder.
    readout: what is read.
    """

    model: MaskedAutoencoder | ImageEncoder
    readout: Readout

    def read(self, images: Tensor) -> Features:
        """Features, float32 on the CPU, of (B, C, H, W) images in the model's numbers."""
        at_once = AT_ONCE_ON_CPU if images.device.type == "cpu" else max(1, len(images))
        parts = [self._read_at_once(part) for part in images.split(at_once)]
        return join_features(parts, [None] * len(parts))

    def _read_at_once(self, images: Tensor) -> Features:
        config = self.model.config
        blocks = blocks_read(config, self.readout)
        means, firsts = [], []
        for tokens_BTD in tokens_of_blocks(self.model, images, blocks):
            # (B, prefix + N, D) -> (B, N, D), in float32 before anything is averaged
            patches = tokens_BTD[:, config.num_prefix :].float()
            means.append(average_cells(patches, self.model.grid, self.readout.cells))
            if self.readout.deviation:
                means.append(patches.std(dim=1, correction=0))
            if (first := class_feature(tokens_BTD, config)) is not None:
                firsts.append(first.float())
        # Blocks side by side: (B, blocks * numbers * D).
        mean = torch.cat(means, 1).cpu()
        cls = torch.cat(firsts, 1).cpu() if firsts else None
        return Features(cls, mean)


def tokens_of_blocks(
    model: MaskedAutoencoder | ImageEncoder, images: Tensor, blocks: tuple[int, ...]
) -> Iterable[Tensor]:
    """Tokens (B, num_prefix + N, D) after each of the blocks; the last went through the final norm.

    Those of the others are normalized without weights, so that no block outweighs another by the
    size of its residual stream.
    """
    encoder = model.encoder
    norm: nn.Module = encoder.norm
    tokens, rotation = encoder.begin(patchify(images, model.grid.patch_size))
    for number, block in enumerate(encoder.blocks, 1):
        tokens = block(tokens, rotation)
        if number in blocks:
            is_last = number == len(encoder.blocks)
            yield norm(tokens) if is_last else F.layer_norm(tokens, tokens.shape[-1:])


def average_cells(patches_BND: Tensor, grid: Grid, cells: int) -> Tensor:
    """(B, N, D) patch tokens to (B, cells * cells * D): the mean of each part of the picture.

    Patches and parts are in raster order.
    """
    if cells == 1:
        return patches_BND.mean(1)
    # As a picture of D channels, which pooling can cut into parts; a small grid has fewer.
    maps_BDrc = patches_BND.transpose(1, 2).unflatten(2, (grid.rows, grid.cols))
    pooled_BDcc = F.adaptive_avg_pool2d(maps_BDrc, min(cells, grid.rows, grid.cols))
    return pooled_BDcc.flatten(2).transpose(1, 2).flatten(1)


def read_features(
    model: MaskedAutoencoder | ImageEncoder,
    batches: Iterable[ImageBatch],
    readout: str,
    *,
    scale: PixelScale,
    device: torch.device,
    precision: torch.dtype = torch.float32,
) -> Features:
    """Read features of all pictures, every patch visible.

    The encoder's training mode is restored afterwards. Only pooled numbers are kept, at most
    MOST_NUMBERS a picture beside class tokens. Raises MaskwrightError when there are no images.
    """
    reader = Reader(model, find_readout(readout))
    parts, labels = [], []
    with evaluation_mode(model, device, precision):
        for batch in batches:
            images = scale.to_model(batch.images.to(device, non_blocking=True))
            parts.append(reader.read(images))
            labels.append(batch.labels)
    return join_features(parts, labels)
