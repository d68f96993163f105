"""Shapes of models that are small enough to be built anew in every test."""

from __future__ import annotations

import dataclasses

from maskwright.models.config import ModelConfig

TINY = ModelConfig(
    image_size=(16, 16),
    patch_size=4,
    width=24,
    depth=2,
    heads=3,
    decoder_width=16,
    decoder_depth=1,
    decoder_heads=2,
)
# Rows and columns that differ show where one is taken for the other.
TINY_OBLONG = dataclasses.replace(TINY, image_size=(16, 24))
TINY_WITH_REGISTER = dataclasses.replace(TINY_OBLONG, heads=2, decoder_depth=2, registers=1)
