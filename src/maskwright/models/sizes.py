"""Encoder and decoder sizes by name, as plain data; free of torch, so that they can be listed at
once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSize:
    """Width, depth and heads of both halves of a masked autoencoder; width / heads is a multiple of
    4, as rotary positions need.
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
        """About how many weights the encoder has, without patch embedding and positions: 12
        width**2 per block, plus biases and norms.
        """
        return _block_parameters(self.width) * self.depth

    @property
    def parameters(self) -> int:
        """About how many weights both halves have, without patch embedding, positions and
        prediction head.
        """
        between = (self.width + 1) * self.decoder_width
        return (
            self.encoder_parameters
            + between
            + _block_parameters(self.decoder_width) * self.decoder_depth
        )


def _block_parameters(width: int) -> int:
    return 12 * width * width + 13 * width


SIZES: dict[str, ModelSize] = {
    "vit_nano": ModelSize(
        96,
        6,
        3,
        64,
        2,
        2,
        "for trying things out and for tests that learn: seconds per epoch on a laptop",
    ),
    "vit_tiny": ModelSize(
        192, 12, 3, 96, 4, 3, "ViT-Ti with a small decoder: 32 to 64 pixel images on a CPU"
    ),
    "vit_small": ModelSize(
        384, 12, 6, 256, 4, 8, "ViT-S with a decoder of 256 x 4: 96 to 224 pixel images on one GPU"
    ),
    "vit_base": ModelSize(
        768, 12, 12, 512, 8, 16, "ViT-B with the official decoder (He et al. 2022)"
    ),
    "vit_large": ModelSize(
        1024, 24, 16, 512, 8, 16, "ViT-L with the official decoder (He et al. 2022)"
    ),
    "vit_huge": ModelSize(
        1280,
        32,
        16,
        512,
        8,
        16,
        "ViT-H with the official decoder (He et al. 2022); use patch size 14 at 224 pixels",
    ),
    "stl10_192x8": ModelSize(
        192, 8, 6, 128, 4, 4, "eight narrow blocks with a light decoder: STL-10 at 96 pixels"
    ),
    "cifar_192x12": ModelSize(
        192,
        12,
        3,
        192,
        4,
        3,
        "the CIFAR-10 model with a decoder as wide as its encoder: 32 pixels, patch size 2 or 4",
    ),
    "facade_256x12": ModelSize(
        256,
        12,
        4,
        256,
        6,
        4,
        "a deep decoder as wide as its encoder, for reconstructing building facades",
    ),
}
