"""The peer of bench/learning.py: transformers' ViTMAE on the same decoded pictures, crops and
batches, as its example trains it.

Its example (examples/pytorch/image-pretraining/run_mae.py) takes AdamW with betas 0.9 and 0.999,
base rate 1.5e-4 for 256 pictures, decay 0.05, 5 % warm-up, a cosine, crops from 0.2 and normalized
pixels; a tuned peer takes another rate and betas 0.9 and 0.95.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, build_loader
from maskwright.models.sizes import SIZES
from maskwright.support.environment import cpu_has_fast_bf16
from maskwright.training.schedule_lr import LearningRate
from maskwright.weights.fair_mae import IMAGENET
from maskwright.workflows.loading.pictures import Pictures

EXAMPLE_RATE, BATCH, CROP_SCALE = 1.5e-4, 128, 0.2


@dataclass(frozen=True)
class PeerRecipe:
    """How the peer is trained: its rate for 256 pictures, AdamW's second beta, its size by one of
    our names, and the seed.
    """

    base_lr: float
    beta2: float
    model: str
    patch: int
    seed: int


def build_peer(recipe: PeerRecipe, side: int) -> ViTMAEForPreTraining:
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


class PeerRun:
    """A training of the peer that can be left and gone on with; its state lies in `folder`."""

    def __init__(self, recipe: PeerRecipe, pictures: Pictures, folder: Path) -> None:
        self.recipe, self.pictures, self.folder = recipe, pictures, folder
        self.model = build_peer(recipe, pictures.size[0])
        learned = [value for value in self.model.parameters() if value.requires_grad]
        self.optimizer = torch.optim.AdamW(
            learned, lr=0.0, betas=(0.9, recipe.beta2), weight_decay=0.05, fused=True
        )
        self.rate = LearningRate(recipe.base_lr * BATCH / 256)
        self.step, self.seconds = 0, 0.0
        self._go_back()

    def train(self, until: float, whole: float, unit: str) -> None:
        """Train until so many steps or seconds of training are spent, of the `whole` that the
        schedule is laid out for.
        """
        self.model.train()
        started = time.monotonic()
        earlier = self.seconds
        for images in self._batches():
            self.seconds = earlier + time.monotonic() - started
            spent = self.step if unit == "steps" else self.seconds
            if spent >= until:
                break
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate.at(min(1.0, (spent + 0.5) / whole))
            self._learn(IMAGENET.to_model(images))
            self.step += 1
        self._save()

    def _learn(self, images: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_fast_bf16()):
            loss = self.model(pixel_values=images).loss
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _batches(self) -> Iterator[Tensor]:
        """Batches from where the last part of the training stopped."""
        augment = Augment(size=self.pictures.size, scale=(CROP_SCALE, 1.0))
        loader = build_loader(
            self.pictures.train,
            augment,
            LoaderSettings(batch_size=BATCH, seed=self.recipe.seed, drop_last=True),
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
        self.model.save_pretrained(self.folder)
        state: dict[str, Any] = {"optimizer": self.optimizer.state_dict(), "step": self.step}
        state |= {"seconds": self.seconds, "chance": torch.get_rng_state()}
        torch.save(state, self.folder / "training.pt")

    def _go_back(self) -> None:
        if not (self.folder / "training.pt").exists():
            return
        state = torch.load(self.folder / "training.pt", weights_only=True)
        loaded = ViTMAEForPreTraining.from_pretrained(self.folder)
        self.model.load_state_dict(loaded.state_dict())
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        torch.set_rng_state(state["chance"])
