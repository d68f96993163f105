"""Encoder and decoder sizes by name, as plain data, free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSize:
    """Width, depth and heads of both halves of a masked autoencoder.

    width / heads is a multiple of 4, as rotary positions need.
    """

    width: int
    depth: int
    heads: int
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    summary: str

    @property
    def encoder_parameters(self) -> int:
        """About how many weights the encoder has, without patch embedding and positions."""
        return _block_parameters(self.width) * self.depth

    @property
    def parameters(self) -> int:
        """About how many weights both halves have, without embedding, positions and prediction."""
        between = (self.width + 1) * self.decoder_width
        decoder = _block_parameters(self.decoder_width) * self.decoder_depth
        return self.encoder_parameters + between + decoder


def _block_parameters(width: int) -> int:
    # 4 width**2 of attention and 8 of the MLP, then biases and norms
    return 12 * width * width + 13 * width


SIZES: dict[str, ModelSize] = {
    "vit_nano": ModelSize(
        width=96,
        depth=6,
        heads=3,
        decoder_width=64,
        decoder_depth=2,
        decoder_heads=2,
        summary="for trying things out and for tests that learn: seconds per epoch on a laptop",
    ),
    "vit_tiny": ModelSize(
        width=192,
        depth=12,
        heads=3,
        decoder_width=96,
        decoder_depth=4,
        decoder_heads=3,
        summary="ViT-Ti with a small decoder: 32 to 64 pixel images on a CPU",
    ),
    "vit_small": ModelSize(
        width=384,
        depth=12,
        heads=6,
        decoder_width=256,
        decoder_depth=4,
        decoder_heads=8,
        summary="ViT-S with a decoder of 256 x 4: 96 to 224 pixel images on one GPU",
    ),
    "vit_base": ModelSize(
        width=768,
        depth=12,
        heads=12,
        decoder_width=512,
        decoder_depth=8,
        decoder_heads=16,
        summary="ViT-B with the official decoder (He et al. 2022)",
    ),
    "vit_large": ModelSize(
        width=1024,
        depth=24,
        heads=16,
        decoder_width=512,
        decoder_depth=8,
        decoder_heads=16,
        summary="ViT-L with the official decoder (He et al. 2022)",
    ),
    "vit_huge": ModelSize(
        width=1280,
        depth=32,
        heads=16,
        decoder_width=512,
        decoder_depth=8,
        decoder_heads=16,
        summary="ViT-H with the official decoder (He et al. 2022); use patch size 14 at 224 pixels",
    ),
    "pixio_base": ModelSize(
        width=768,
        depth=12,
        heads=12,
        decoder_width=512,
        decoder_depth=32,
        decoder_heads=16,
        summary="ViT-B with the decoder of Pixio (Yang et al. 2025): 256 pixels, patch size 16",
    ),
    "pixio_large": ModelSize(
        width=1024,
        depth=24,
        heads=16,
        decoder_width=512,
        decoder_depth=32,
        decoder_heads=16,
        summary="ViT-L with the decoder of Pixio (Yang et al. 2025): 256 pixels, patch size 16",
    ),
    "pixio_huge": ModelSize(
        width=1280,
        depth=32,
        heads=16,
        decoder_width=512,
        decoder_depth=32,
        decoder_heads=16,
        summary="ViT-H with the decoder of Pixio (Yang et al. 2025): 256 pixels, patch size 16",
    ),
    "pixio_tiny": ModelSize(
        width=192,
        depth=12,
        heads=3,
        decoder_width=96,
        decoder_depth=16,
        decoder_heads=3,
        summary="ViT-Ti with a decoder deeper than its encoder, as Pixio has: 64 pixels, patch 4",
    ),
    "pixio_nano": ModelSize(
        width=96,
        depth=6,
        heads=3,
        decoder_width=64,
        decoder_depth=8,
        decoder_heads=2,
        summary="vit_nano with a decoder deeper than its encoder, as Pixio has: tests and studies",
    ),
    "stl10_192x8": ModelSize(
        width=192,
        depth=8,
        heads=6,
        decoder_width=128,
        decoder_depth=4,
        decoder_heads=4,
        summary="eight narrow blocks with a light decoder: STL-10 at 96 pixels",
    ),
    "cifar_192x12": ModelSize(
        width=192,
        depth=12,
        heads=3,
        decoder_width=192,
        decoder_depth=4,
        decoder_heads=3,
        summary=(
            "the CIFAR-10 model with a decoder as wide as its encoder: 32 pixels, patch size 2 or 4"
        ),
    ),
    "facade_256x12": ModelSize(
        width=256,
        depth=12,
        heads=4,
        decoder_width=256,
        decoder_depth=6,
        decoder_heads=4,
        summary="a deep decoder as wide as its encoder, for reconstructing building facades",
    ),
}
