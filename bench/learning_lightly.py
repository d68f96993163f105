"""lightly's masked autoencoder for bench/learning.py, as its example trains it: needs `pip install
lightly`.

Its example (examples/pytorch/mae.py, lightly 1.6) takes a ViT-B with patches of 32 on pictures
enlarged to 224, a decoder of 8 blocks of 512, batches of 256, AdamW at 1.5e-4 throughout, and the
pixels as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightly.models import utils
from lightly.models.modules.masked_autoencoder_timm import MAEDecoderTIMM
from lightly.models.modules.masked_vision_transformer_timm import MaskedVisionTransformerTIMM
from timm.models.vision_transformer import vit_base_patch32_224
from torch import Tensor, nn

from maskwright.training.schedule_lr import LearningRate
from maskwright.weights.fair_mae import IMAGENET

SIDE, PATCH, RATIO = 224, 32, 0.75
WEIGHTS = "lightly.pth"


class LightlyPeer:
    """lightly's modules, put together as they are meant to be."""

    rate: LearningRate | None = None
    batch = 256
    # They are enlarged.
    has_our_pixels = False

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.model = nn.ModuleDict()
        self.model["backbone"] = MaskedVisionTransformerTIMM(vit=vit_base_patch32_224())
        self.model["decoder"] = MAEDecoderTIMM(
            num_patches=(SIDE // PATCH) ** 2,
            patch_size=PATCH,
            embed_dim=768,
            decoder_embed_dim=512,
            decoder_depth=8,
            decoder_num_heads=16,
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1.5e-4, fused=True)

    def loss(self, images: Tensor) -> Tensor:
        """Mean squared error of the hidden patches' pixels."""
        enlarged = nn.functional.interpolate(
            IMAGENET.to_model(images), (SIDE, SIDE), mode="bicubic", antialias=True
        )
        backbone: Any = self.model["backbone"]
        decoder: Any = self.model["decoder"]
        size = (len(images), backbone.sequence_length)
        # Places count the class token, which is always kept, as the first.
        kept, hidden = utils.random_token_mask(size=size, mask_ratio=RATIO, device=images.device)

        tokens = decoder.embed(backbone.encode(images=enlarged, idx_keep=kept))
        whole = utils.repeat_token(decoder.mask_token, size)
        whole = utils.set_at_index(whole, kept, tokens.type_as(whole))
        predicted = decoder.predict(utils.get_at_index(decoder.decode(whole), hidden))
        target = utils.get_at_index(utils.patchify(enlarged, PATCH), hidden - 1)
        return nn.functional.mse_loss(predicted, target)

    def save(self, folder: Path) -> None:
        torch.save(self.model.state_dict(), folder / WEIGHTS)

    def load(self, folder: Path) -> None:
        self.model.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True))

    def place(self, folder: Path) -> str:
        # Its file does not say what the decoder predicts.
        return f"{folder / WEIGHTS}@target=raw"
