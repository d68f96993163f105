"""An encoder to use: `maskwright.load(...)` gives tokens and features of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.readout import DEFAULT_READOUT, Reader, find_readout
from maskwright.models.classifier import Classifier
from maskwright.models.config import ModelConfig
from maskwright.patches.grid import Grid
from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import lines_html
from maskwright.weights.checkpoint import LoadedEncoder
from maskwright.weights.hints import split_hints
from maskwright.weights.zoo import PREFIX as ZOO
from maskwright.weights.zoo import Card, read_card
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.loading.views import batches_of
from maskwright.workflows.runs.locate import load_any_encoder


@dataclass(frozen=True)
class Tokens:
    """The tokens of n images.

    patches: (n, N, D) in raster order.
    prefix: (n, R, D) class and register tokens.
    grid: of the patches.
    """

    patches: Tensor
    prefix: Tensor
    grid: Grid

    @property
    def maps(self) -> Tensor:
        """The patch tokens as (n, D, rows, cols)."""
        return self.patches.transpose(1, 2).unflatten(2, (self.grid.rows, self.grid.cols))


class PictureEncoder:
    """A frozen encoder: nothing is masked, nothing is random.

    The same picture gives the same numbers in any batch, up to rounding.
    """

    def __init__(
        self, loaded: LoadedEncoder, device: torch.device, card: Card | None = None
    ) -> None:
        """card: what is known of a model of the zoo."""
        self.loaded = loaded
        self.device = device
        self.card = card
        self._model = loaded.model.to(device)

    @property
    def config(self) -> ModelConfig:
        return self._model.config

    def __repr__(self) -> str:
        height, width = self.config.image_size
        return (
            f"PictureEncoder({self.config.width}x{self.config.depth}, {height}x{width} pixels,"
            f" {self._model.grid})"
        )

    def _repr_html_(self) -> str:
        """The shape and the card, for notebooks."""
        about = [] if self.card is None else ["", *str(self.card).splitlines()]
        return lines_html([repr(self), *about], wrap=True)

    def encode(self, images: Any) -> Tokens:
        """Tokens of pictures, float32 on the CPU.

        images: uint8 arrays or tensors (NCHW, NHWC or one image), Pillow images, paths, folders,
            or lists; they are shrunk and center-cropped to the model's size.

        Raises MaskwrightError for pictures that cannot be read.
        """
        # Batch by batch: only tokens stay in memory.
        parts = [self.encode_batch(batch) for batch in self._batches(images)]
        if not parts:
            raise MaskwrightError("No pictures given to encode.")
        tokens = torch.cat(parts)  # (n, R + N, D)
        # Class and register tokens come before the patches.
        first = self.config.num_prefix
        return Tokens(tokens[:, first:], tokens[:, :first], self._model.grid)

    def features(
        self, images: Any, pooling: str = "mean", features: str = DEFAULT_READOUT
    ) -> Tensor:
        """One vector per picture.

        pooling: `mean` of the patch tokens, the class token `cls`, or `both` side by side.
        features: `last` reads the last block, (n, D); `blocks` joins all blocks, (n, depth * D),
            `statistics` their means and deviations, (n, 2 * depth * D); `grid` has one mean per
            quarter of the picture, `blocks_grid` of all blocks. The names and the default are those
            of `maskwright evaluate`.
        """
        pooled = []
        for batch in self._batches(images):
            pooled.append(self.features_of_batch(batch, pooling, features))
        if not pooled:
            raise MaskwrightError("No pictures given to encode.")
        return torch.cat(pooled)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes of a fine-tuned classifier; none for an encoder."""
        if not isinstance(self._model, Classifier):
            return ()
        return tuple(self.loaded.settings.get("classes", ()))

    def classify(self, images: Any) -> Tensor:
        """The probability of each class for each picture, (n, K), in the order of `classes`.

        images: as for `encode`.

        Raises MaskwrightError for an encoder that was not fine-tuned.
        """
        if not isinstance(self._model, Classifier):
            raise MaskwrightError(
                "This is an encoder without a classifier; make one with: maskwright finetune RUN"
                " --data LABELED."
            )
        answers = []
        with evaluation_mode(self._model.classify, self.device):
            for batch in self._batches(images):
                scores = self._model.classify(self._to_model(batch))
                answers.append(scores.float().softmax(1).cpu())  # (n, K)
        if not answers:
            raise MaskwrightError("No pictures given to classify.")
        return torch.cat(answers)

    def encode_batch(self, images: Tensor) -> Tensor:
        """(n, R + N, D) tokens of (n, C, H, W) uint8 images at the model's size."""
        with evaluation_mode(self._model.encode, self.device):
            return self._model.encode(self._to_model(images)).float().cpu()

    def features_of_batch(
        self, images: Tensor, pooling: str = "mean", features: str = DEFAULT_READOUT
    ) -> Tensor:
        """One vector for each of (n, C, H, W) uint8 images at the model's size, on the CPU."""
        # One way to read features, here and in `maskwright evaluate`.
        reader = Reader(self._model, find_readout(features))
        with evaluation_mode(self._model, self.device):
            return reader.read(self._to_model(images)).pooled(pooling)

    def width_of(self, pooling: str, features: str = DEFAULT_READOUT) -> int:
        """How long such vectors are.

        Raises MaskwrightError for unknown names and for `cls` without a class token.
        """
        # A black picture tells, before hours of reading; arithmetic would repeat all readouts.
        height, width = self.config.image_size
        black = torch.zeros(1, self.config.channels, height, width, dtype=torch.uint8)
        return self.features_of_batch(black, pooling, features).shape[1]

    def _batches(self, images: Any) -> Iterator[Tensor]:
        """Batches of uint8 images at the model's size, read as those that it was trained on."""
        return batches_of(images, self.config, reading_for(self.loaded.settings))

    def _to_model(self, images: Tensor) -> Tensor:
        """uint8 images on the model's device and in its numbers."""
        return self.loaded.scale.to_model(images.to(self.device))


def load(place: str | Path, *, device: str = "auto") -> PictureEncoder:
    """Load an encoder.

    place: a run folder, a weight file or folder of any known format, `official:NAME`, `zoo:NAME` or
        `timm:NAME`; `PLACE@image_size=96,channels=1,heads=3` adapts it or says what its file does
        not.
    """
    name, _ = split_hints(place)
    card = read_card(name) if name.startswith(ZOO) else None
    return PictureEncoder(load_any_encoder(place), pick_device(device), card)
