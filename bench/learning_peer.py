"""The peers of bench/learning.py: how long they train, where they go on, and transformers' ViTMAE
on the same decoded pictures and crops as ours.

Its example (examples/pytorch/image-pretraining/run_mae.py) takes AdamW with betas 0.9 and 0.999,
base rate 1.5e-4 for 256 pictures, decay 0.05, 5 % warm-up, a cosine, crops from 0.2 and normalized
pixels; a tuned peer takes another rate and betas 0.9 and 0.95.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, build_loader
from maskwright.models.sizes import SIZES
from maskwright.support.environment import cpu_has_fast_bf16
from maskwright.training.schedule_lr import LearningRate
from maskwright.weights.fair_mae import IMAGENET
from maskwright.workflows.loading.pictures import Pictures

EXAMPLE_RATE, BATCH, CROP_SCALE = 1.5e-4, 128, 0.2


class Peer(Protocol):
    """A masked autoencoder of somebody else and how it is trained."""

    @property
    def model(self) -> nn.Module: ...

    @property
    def optimizer(self) -> torch.optim.Optimizer: ...

    @property
    def batch(self) -> int:
        """Pictures of a step."""

    @property
    def rate(self) -> LearningRate | None:
        """The rate over the training; None for the optimizer's own."""

    def loss(self, images: Tensor) -> Tensor:
        """The loss of a batch (B, 3, H, W) of bytes."""

    def save(self, folder: Path) -> None:
        """Write the weights in the peer's own format."""

    def load(self, folder: Path) -> None:
        """Take back what `save` wrote."""

    def place(self, folder: Path) -> str:
        """What `maskwright evaluate` opens of what `save` wrote."""

    @property
    def has_our_pixels(self) -> bool:
        """Whether it fills in pictures of our size, so that its decibels mean the same."""


class PeerRun:
    """A training of a peer that can be left and gone on with; its state lies in `folder`."""

    def __init__(self, peer: Peer, pictures: Pictures, folder: Path, seed: int) -> None:
        self.peer, self.pictures, self.folder, self.seed = peer, pictures, folder, seed
        self.step, self.seconds = 0, 0.0
        self._go_back()

    def train(self, until: float, whole: float, unit: str) -> None:
        """Train until so many steps or seconds of training are spent, of the `whole` that the
        schedule is laid out for.
        """
        self.peer.model.train()
        started = time.monotonic()
        earlier = self.seconds
        for images in self._batches():
            self.seconds = earlier + time.monotonic() - started
            spent = self.step if unit == "steps" else self.seconds
            if spent >= until:
                break
            if self.peer.rate is not None:
                for group in self.peer.optimizer.param_groups:
                    group["lr"] = self.peer.rate.at(min(1.0, (spent + 0.5) / whole))
            self._learn(images)
            self.step += 1
        self._save()

    def _learn(self, images: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_fast_bf16()):
            loss = self.peer.loss(images)
        loss.backward()
        self.peer.optimizer.step()
        self.peer.optimizer.zero_grad()

    def _batches(self) -> Iterator[Tensor]:
        """Batches from where the last part of the training stopped."""
        augment = Augment(size=self.pictures.size, scale=(CROP_SCALE, 1.0))
        loader = build_loader(
            self.pictures.train,
            augment,
            LoaderSettings(batch_size=self.peer.batch, seed=self.seed, drop_last=True),
        )
        epoch, place = divmod(self.step, len(loader))
        while True:
            loader.set_epoch(epoch)
            loader.start_at(place)
            for batch in loader:
                yield batch.images
            epoch, place = epoch + 1, 0

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.peer.save(self.folder)
        state: dict[str, Any] = {"optimizer": self.peer.optimizer.state_dict(), "step": self.step}
        state |= {"seconds": self.seconds, "chance": torch.get_rng_state()}
        torch.save(state, self.folder / "training.pt")

    def _go_back(self) -> None:
        if not (self.folder / "training.pt").exists():
            return
        state = torch.load(self.folder / "training.pt", weights_only=True)
        self.peer.load(self.folder)
        self.peer.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        torch.set_rng_state(state["chance"])


@dataclass(frozen=True)
class TransformersRecipe:
    """How transformers' model is trained: its rate for 256 pictures, AdamW's second beta, its size
    by one of our names, and the seed.
    """

    base_lr: float
    beta2: float
    model: str
    patch: int
    seed: int


class TransformersPeer:
    """transformers' ViTMAE."""

    has_our_pixels = True

    def __init__(self, recipe: TransformersRecipe, side: int) -> None:
        self.model = build_transformers(recipe, side)
        learned = [value for value in self.model.parameters() if value.requires_grad]
        self.optimizer = torch.optim.AdamW(
            learned, lr=0.0, betas=(0.9, recipe.beta2), weight_decay=0.05, fused=True
        )
        self.batch = BATCH
        self.rate = LearningRate(recipe.base_lr * BATCH / 256)

    def loss(self, images: Tensor) -> Tensor:
        loss: Tensor = self.model(pixel_values=IMAGENET.to_model(images)).loss
        return loss

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)

    def load(self, folder: Path) -> None:
        self.model.load_state_dict(ViTMAEForPreTraining.from_pretrained(folder).state_dict())

    def place(self, folder: Path) -> str:
        return str(folder)


def build_transformers(recipe: TransformersRecipe, side: int) -> ViTMAEForPreTraining:
    """A fresh model of transformers in one of our sizes."""
    size = SIZES[recipe.model]
    torch.manual_seed(recipe.seed)
    config = ViTMAEConfig(
        hidden_size=size.width,
        num_hidden_layers=size.depth,
        num_attention_heads=size.heads,
        intermediate_size=4 * size.width,
        image_size=side,
        patch_size=recipe.patch,
        decoder_hidden_size=size.decoder_width,
        decoder_num_hidden_layers=size.decoder_depth,
        decoder_num_attention_heads=size.decoder_heads,
        decoder_intermediate_size=4 * size.decoder_width,
        mask_ratio=0.75,
        norm_pix_loss=True,
    )
    return ViTMAEForPreTraining(config)
