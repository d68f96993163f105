"""The attention that guides policies is that of the last block to patches alone, whoever asks."""

from __future__ import annotations

import pytest
import torch

from maskwright.models.attention_map import attention_by_head, attention_by_layer, attention_map
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import patchify


@pytest.mark.parametrize("positions", ["sincos", "rotary", "relative"])
@pytest.mark.parametrize(
    ("class_token", "registers"), [(True, 0), (True, 2), (False, 2), (False, 0)]
)
def test_prefix_tokens_are_left_out_and_shares_of_patches_add_up_to_one(
    class_token: bool, registers: int, positions: str
) -> None:
    config = ModelConfig(
        image_size=(16, 16),
        patch_size=4,
        width=24,
        depth=2,
        heads=2,
        class_token=class_token,
        registers=registers,
        positions=positions,
    )
    encoder = MaskedAutoencoder(config).encoder
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    patches = patchify(images, 4)
    *_, last = attention_by_layer(encoder, patches)  # (B, heads, T, T) with all tokens
    first = config.num_prefix
    asking = last[:, :, :1] if class_token else last[:, :, first:]
    paid = asking.mean(2)[:, :, first:]
    wanted = paid / paid.sum(-1, keepdim=True)
    assert wanted.shape == (3, 2, 16)
    torch.testing.assert_close(attention_by_head(encoder, patches), wanted)
    torch.testing.assert_close(attention_map(encoder, patches), wanted.mean(1))
