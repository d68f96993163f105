"""How many floating-point operations a step takes, counted from the shapes: what "matched compute"
is measured in.
"""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.models.config import ModelConfig


@dataclass(frozen=True)
class StepCost:
    """Operations per image, a multiply-add counted as two; norms, activations and softmax are left
    out, as is usual.
    """

    encoder: int
    decoder: int

    @property
    def forward(self) -> int:
        return self.encoder + self.decoder

    @property
    def training(self) -> int:
        """Forward and backward: the backward pass takes twice the forward one."""
        return 3 * self.forward


def count_step(config: ModelConfig, num_visible: int, num_predicted: int) -> StepCost:
    """Count one image's step with that many visible and predicted patches."""
    num_patches = (config.image_size[0] // config.patch_size) * (
        config.image_size[1] // config.patch_size
    )
    values = config.patch_size**2 * config.channels
    tokens = num_visible + config.num_prefix
    encoder = num_visible * values * config.width + config.depth * count_block(
        tokens, config.width, config.mlp_ratio
    )
    decoder = (
        tokens * config.width * config.decoder_width + num_predicted * config.decoder_width * values
    )
    if config.decoder == "full":
        decoder += config.decoder_depth * count_block(
            num_patches + config.num_prefix, config.decoder_width, config.mlp_ratio
        )
    else:
        decoder += config.decoder_depth * _cross_block(
            num_predicted, tokens, config.decoder_width, config.mlp_ratio
        )
    return StepCost(2 * encoder, 2 * decoder)


def count_look(config: ModelConfig) -> int:
    """Operations of one look at an image for its last block's attention; of that block only
    queries, keys and values are made.
    """
    num_patches = (config.image_size[0] // config.patch_size) * (
        config.image_size[1] // config.patch_size
    )
    tokens, asking = num_patches + config.num_prefix, 1 if config.class_token else num_patches
    embedding = num_patches * config.patch_size**2 * config.channels * config.width
    blocks = (config.depth - 1) * count_block(tokens, config.width, config.mlp_ratio)
    return 2 * (embedding + blocks + 3 * tokens * config.width**2 + asking * tokens * config.width)


def count_block(tokens: int, width: int, mlp_ratio: float) -> int:
    """Multiply-adds of a transformer block for one image."""
    linear = tokens * width * width * (4 + 2 * mlp_ratio)
    return round(linear) + 2 * tokens * tokens * width


def _cross_block(queries: int, memory: int, width: int, mlp_ratio: float) -> int:
    linear = width * width * (queries * (2 + 2 * mlp_ratio) + 2 * memory)
    return round(linear) + 2 * queries * memory * width
