"""How many floating-point operations a step takes, counted from the shapes.

"Matched compute" is measured in them.
"""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.models.config import ModelConfig


@dataclass(frozen=True)
class StepCost:
    """Operations per image, a multiply-add counted as two.

    Norms, activations and softmax are left out, as is usual.
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
    width = config.decoder_width
    values = config.patch_size**2 * config.channels
    tokens = num_visible + config.num_prefix

    # patch embedding and blocks
    encoder = num_visible * values * config.width
    encoder += config.depth * count_block(tokens, config.width, config.mlp_ratio)

    # from the encoder's width to the decoder's, then blocks, then the target
    decoder = tokens * config.width * width
    decoder += num_predicted * width * config.num_target_values
    if config.decoder == "full":
        all_tokens = _num_patches(config) + config.num_prefix
        block = count_block(all_tokens, width, config.mlp_ratio)
    else:
        block = _cross_block(num_predicted, tokens, width, config.mlp_ratio)
    decoder += config.decoder_depth * block
    return StepCost(encoder=2 * encoder, decoder=2 * decoder)


def count_attention_map(config: ModelConfig) -> int:
    """Operations of one look at an image for its last block's attention (`attention_map`)."""
    num_patches = _num_patches(config)
    tokens = num_patches + config.num_prefix
    embedding = num_patches * config.patch_size**2 * config.channels * config.width
    blocks = (config.depth - 1) * count_block(tokens, config.width, config.mlp_ratio)
    # of the last block only queries, keys and values are computed, and the queries' products
    packed = 3 * tokens * config.width**2
    num_queries = config.num_class or num_patches
    products = num_queries * tokens * config.width
    return 2 * (embedding + blocks + packed + products)


def count_block(tokens: int, width: int, mlp_ratio: float) -> int:
    """Multiply-adds of a transformer block for one image.

    >>> count_block(tokens=17, width=192, mlp_ratio=4)
    7631232
    """
    # queries, keys, values and output, then both layers of the MLP
    linear = tokens * width * width * (4 + 2 * mlp_ratio)
    # queries times keys, and weights times values
    attention = 2 * tokens * tokens * width
    return round(linear) + attention


def _cross_block(
    queries: int,
    memory: int,
    width: int,
    mlp_ratio: float,
) -> int:
    """Multiply-adds of a cross-attention block for one image."""
    # queries and output of each query, its MLP, and keys and values of each memory token
    linear = width * width * (queries * (2 + 2 * mlp_ratio) + 2 * memory)
    attention = 2 * queries * memory * width
    return round(linear) + attention


def _num_patches(config: ModelConfig) -> int:
    height, width = config.image_size
    return (height // config.patch_size) * (width // config.patch_size)
