"""A classifier: all patches encoded, tokens pooled, and one linear layer, under timm's names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.models.layers import build_norm
from maskwright.patches.pixels import patchify
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

POOLINGS = ("mean", "cls")
# So small that the first answers are all alike, and early gradients into the encoder tiny (official
# code of He et al. 2022).
_HEAD_STD = 2e-5


class Classifier(ImageEncoder):
    """Answers images with a score per class.

    pooling: `mean` of the patch tokens behind a norm of its own (timm's fc_norm, which replaces the
        encoder's last norm), or `cls`, the class token behind the encoder's norm.
    rng: draws all weights.

    Raises MaskwrightError for `cls` without a class token.
    """

    def __init__(
        self,
        config: ModelConfig,
        num_classes: int,
        pooling: str = "mean",
        rng: torch.Generator | None = None,
    ) -> None:
        if pooling == "cls" and not config.class_token:
            raise MaskwrightError(
                "Pooling 'cls' needs a class token and this encoder has none; use pooling=mean."
            )
        rng = rng if rng is not None else torch_generator(0, "weights")
        # a mean is normed after pooling and not before it, as in timm
        if pooling == "mean":
            config = dataclasses.replace(config, final_norm=False)
        super().__init__(config, rng)
        self.pooling = pooling
        norm = build_norm(config.width, config.norm_eps) if pooling == "mean" else nn.Identity()
        self.fc_norm = norm
        self.head = nn.utils.skip_init(nn.Linear, config.width, num_classes)
        nn.init.trunc_normal_(self.head.weight, std=_HEAD_STD, generator=rng)
        nn.init.zeros_(self.head.bias)

    @property
    def num_classes(self) -> int:
        return self.head.out_features

    def classify(self, images: Tensor, shares_BL2: Tensor | None = None) -> Tensor:
        """(B, classes) scores of (B, C, H, W) images in the model's numbers.

        shares_BL2: see `draw_shares`, for training alone.
        """
        tokens, rotation = self.encoder.begin(patchify(images, self.grid.patch_size))
        for depth, block in enumerate(self.encoder.blocks):
            shares_B2 = None if shares_BL2 is None else shares_BL2[:, depth]
            tokens = block(tokens, rotation, None, shares_B2)
        pooled = self.pool(self.encoder.norm(tokens))  # (B, D)
        return self.head(self.fc_norm(pooled))

    def pool(self, tokens_BND: Tensor) -> Tensor:
        """(B, D): the class token, or the mean of the patch tokens."""
        if self.pooling == "cls":
            return tokens_BND[:, : self.config.num_class].mean(1)
        return tokens_BND[:, self.config.num_prefix :].mean(1)


def draw_shares(chance_BL2: Tensor, drop_path: float) -> Tensor:
    """Stochastic depth (Huang et al. 2016): what each branch of each block is multiplied by.

    (B, depth, 2) uniform numbers become 0 where an image skips a branch, else 1 / (1 - rate). The
    rate of a block rises linearly from 0 at the first to `drop_path` at the last.
    """
    rates = torch.linspace(0, drop_path, chance_BL2.shape[1], device=chance_BL2.device)[:, None]
    return (chance_BL2 >= rates) / (1 - rates)


def classifier_for(config: ModelConfig, state: Mapping[str, Tensor]) -> Classifier | None:
    """The classifier that a state dict under our names was taken from, or None without a head.

    Its weights are not copied yet.
    """
    if "head.weight" not in state:
        return None
    num_classes = state["head.weight"].shape[0]
    # the pooling is not stored: only a mean has a norm of its own
    pooling = "mean" if "fc_norm.weight" in state else "cls"
    return Classifier(config, num_classes, pooling)
