"""What features are read from a frozen encoder: the last block or several, as one mean of the
picture or one per quarter of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.evaluation.features import Features, ImageBatch, join_features
from maskwright.evaluation.frozen import held_still
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.support.errors import unknown_name

MOST_NUMBERS = 4096
"""Numbers per picture that joined blocks may take; of a deep and wide encoder fewer blocks are
read, evenly spaced.
"""


@dataclass(frozen=True)
class Readout:
    """Which tokens become features: those of every block or of the last alone, averaged over cells
    x cells parts of the picture.

    deviation: whether the standard deviation over the picture's patches stands beside the mean
        (statistics pooling, Snyder et al. 2018).
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
    """The blocks that are read, 1 being the first: the last always, others evenly spaced as far as
    MOST_NUMBERS allows.
    """
    if not readout.every_block:
        return (config.depth,)
    fitting = max(1, MOST_NUMBERS // (config.width * readout.numbers))
    count = min(config.depth, fitting)
    return tuple(config.depth - (config.depth * place) // count for place in reversed(range(count)))


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
    """Reads features of pictures from one encoder; the same numbers whatever the batch, up to
    rounding.
    """

    model: MaskedAutoencoder | ImageEncoder
    readout: Readout

    def read(self, images: Tensor) -> Features:
        """Features, float32 on the CPU, of (B, C, H, W) images in the model's numbers."""
        config = self.model.config
        wanted = blocks_read(config, self.readout)
        means, firsts = [], []
        for tokens_BTD in tokens_of_blocks(self.model, images, wanted):
            patches = tokens_BTD[:, config.num_prefix :].float()
            means.append(average_cells(patches, self.model.grid, self.readout.cells))
            if self.readout.deviation:
                means.append(patches.std(dim=1, correction=0))
            firsts.append(tokens_BTD[:, 0].float())
        mean = torch.cat(means, 1).cpu()
        return Features(torch.cat(firsts, 1).cpu() if config.class_token else None, mean)


def tokens_of_blocks(
    model: MaskedAutoencoder | ImageEncoder, images: Tensor, wanted: tuple[int, ...]
) -> Iterable[Tensor]:
    """Tokens (B, num_prefix + N, D) after each wanted block, 1 being the first; the last went
    through the final norm.

    Those of the others are normalized without weights, so that no block outweighs another by the
    size of its residual stream.
    """
    encoder = model.encoder
    norm: nn.Module = encoder.norm
    tokens, rotation = encoder.begin(patchify(images, model.grid.patch_size))
    for place, block in enumerate(encoder.blocks, 1):
        tokens = block(tokens, rotation)
        if place in wanted:
            last = place == len(encoder.blocks)
            yield norm(tokens) if last else F.layer_norm(tokens, tokens.shape[-1:])


def average_cells(patches_BND: Tensor, grid: Grid, cells: int) -> Tensor:
    """(B, N, D) patch tokens in raster order to (B, cells * cells * D): the mean of each part of
    the picture, parts in raster order.
    """
    if cells == 1:
        return patches_BND.mean(1)
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
    """Read features of all pictures, every patch visible; the encoder's training mode is restored
    afterwards.

    Only pooled numbers are kept, at most MOST_NUMBERS a picture beside class tokens. Raises
    MaskwrightError when there are no images.
    """
    reader = Reader(model, find_readout(readout))
    parts, labels = [], []
    with held_still(model, device, precision):
        for batch in batches:
            images = scale.to_model(batch.images.to(device, non_blocking=True))
            parts.append(reader.read(images))
            labels.append(batch.labels)
    return join_features(parts, labels)
