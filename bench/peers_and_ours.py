"""The training steps that are compared: ours and transformers' ViTMAE, same sizes, same autocast,
same fused AdamW, on any device.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskwright.losses.objective import build_objective
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.mask import split, visible_count
from maskwright.support.seeding import sample_rng

RATIO = 0.75
Step = Callable[[], object]


@dataclass(frozen=True)
class Place:
    """What steps run on.

    device: where.
    dtype: of autocast; None for float32 throughout.
    """

    device: torch.device = torch.device("cpu")
    dtype: torch.dtype | None = torch.bfloat16

    def forward_context(self) -> AbstractContextManager[Any]:
        """What forward passes run in."""
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def wait(self) -> None:
        """Wait until the device has done what it was asked for."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()


CPU = Place()


@dataclass(frozen=True)
class Shape:
    """One line of the table: image and patch size, encoder, decoder, images per step."""

    image: int
    patch: int
    width: int
    depth: int
    heads: int
    decoder_width: int
    decoder_depth: int
    decoder_heads: int
    batch: int

    @property
    def num_patches(self) -> int:
        return (self.image // self.patch) ** 2

    def __str__(self) -> str:
        return f"{self.image}/{self.patch} w{self.width} d{self.depth}"


SHAPES = (
    Shape(32, 4, 192, 12, 3, 96, 4, 3, 128),
    Shape(96, 16, 192, 8, 6, 128, 4, 4, 64),
    Shape(224, 16, 384, 12, 6, 256, 4, 8, 16),
    Shape(224, 16, 768, 12, 12, 512, 8, 16, 8),
    # vit_nano, which a CPU gets without settings.
    Shape(32, 4, 96, 6, 3, 64, 2, 2, 128),
)
PEAK_SHAPE = SHAPES[2]


def build_our_step(
    shape: Shape,
    decoder: str = "full",
    predicted_share: float = 1.0,
    place: Place = CPU,
    compiled: bool = False,
) -> Step:
    """Our step, with masks drawn anew each time as in training.

    compiled: the model as `--compile` makes it.
    """
    sizes = {
        name: getattr(shape, name)
        for name in ("width", "depth", "heads", "decoder_width", "decoder_depth", "decoder_heads")
    }
    model = MaskedAutoencoder(
        ModelConfig(
            image_size=(shape.image, shape.image), patch_size=shape.patch, decoder=decoder, **sizes
        )
    )
    model.to(place.device)
    if compiled:
        model.compile()
    images = torch.randn(shape.batch, 3, shape.image, shape.image, device=place.device)
    ids = torch.arange(shape.batch, device=place.device)
    scores = torch.zeros(shape.batch, shape.num_patches, device=place.device)
    num_visible = visible_count(shape.num_patches, RATIO)
    num_predicted = max(1, round((shape.num_patches - num_visible) * predicted_share))
    objective = build_objective("mse")

    def compute_loss() -> Tensor:
        mask = split(scores, num_visible, num_predicted, rng=sample_rng(0, 0, ids))
        return objective(model(images, mask), images).total

    return _build_step(model, compute_loss, place)


def build_peer_step(shape: Shape, place: Place = CPU, compiled: bool = False) -> Step:
    """The step of transformers' ViTMAEForPreTraining."""
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    model = ViTMAEForPreTraining(
        ViTMAEConfig(
            hidden_size=shape.width,
            num_hidden_layers=shape.depth,
            num_attention_heads=shape.heads,
            intermediate_size=4 * shape.width,
            image_size=shape.image,
            patch_size=shape.patch,
            decoder_hidden_size=shape.decoder_width,
            decoder_num_hidden_layers=shape.decoder_depth,
            decoder_num_attention_heads=shape.decoder_heads,
            decoder_intermediate_size=4 * shape.decoder_width,
            mask_ratio=RATIO,
            norm_pix_loss=True,
        )
    )
    model.train().to(place.device)
    if compiled:
        model.compile()
    images = torch.randn(shape.batch, 3, shape.image, shape.image, device=place.device)
    return _build_step(model, lambda: model(pixel_values=images).loss, place)


def count_flops(shape: Shape) -> float:
    """Multiplications and additions of the matrix products of one step of the full model, forward
    and backward (3 x forward).
    """
    seen = shape.num_patches - round(shape.num_patches * RATIO) + 1
    pixels = 3 * shape.patch**2
    encoder = _block_flops(seen, shape.width) * shape.depth + 2 * seen * shape.width * pixels
    decoder = _block_flops(shape.num_patches + 1, shape.decoder_width) * shape.decoder_depth
    ends = (
        2 * seen * shape.width * shape.decoder_width
        + 2 * (shape.num_patches + 1 - seen) * shape.decoder_width * pixels
    )
    return 3.0 * shape.batch * (encoder + decoder + ends)


def _block_flops(tokens: int, width: int) -> float:
    return 24 * tokens * width**2 + 4 * tokens**2 * width


def _build_step(model: nn.Module, compute_loss: Callable[[], Tensor], place: Place) -> Step:
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    fused = place.device.type in ("cpu", "cuda")
    optimizer = torch.optim.AdamW(
        trainable, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.05, fused=fused
    )

    def step() -> None:
        with place.forward_context():
            loss = compute_loss()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
