"""Tokens of every patch of a store's pictures, for probes of dense tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.feature_cache import FeatureCache, features_key, hash_weights
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.readout import Readout, blocks_read, tokens_of_blocks
from maskwright.evaluation.subject import Subject
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.loading.pictures import eval_batches

BLOCKS = ("last", "all")
# Tokens of small sets are kept, in memory and in the cache; larger ones are encoded anew.
MOST_BYTES = 2**30
BYTES_OF_HALF = 2
# Pictures in a pass of the encoder.
BATCH = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class PatchTokens:
    """The patch tokens of all pictures of a store, or the patches themselves for raw pixels.

    subject: the frozen encoder, or raw pixels.
    store: the pictures.
    blocks: `last`, or `all` side by side.
    part: `train` or `test`, for messages.
    cache: where tokens are kept; None encodes them anew each time.
    """

    subject: Subject
    store: PackedStore
    blocks: str
    part: str
    cache: FeatureCache | None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures (B,) of the store with their tokens (B, N, D), float32 on the CPU."""
        if not self._fits:
            yield from self._encoded()
            return
        for ids in torch.arange(len(self.store)).split(BATCH):
            yield ids, self._kept[ids].float()

    @cached_property
    def blocks_read(self) -> tuple[int, ...]:
        """The blocks that tokens are read from; none for raw pixels."""
        return () if self.subject.model is None else dense_blocks(self._config, self.blocks)

    @cached_property
    def weights_hash(self) -> str:
        """Of the encoder."""
        return hash_weights(self.subject.encoder.encoder)

    @property
    def width(self) -> int:
        """Numbers of a token, or of a raw patch."""
        subject = self.subject
        if subject.model is None:
            return subject.patch_size**2 * subject.scale.channels
        return self._config.width * len(self.blocks_read)

    @property
    def _config(self) -> ModelConfig:
        return self.subject.encoder.config

    @property
    def _fits(self) -> bool:
        numbers = len(self.store) * self.subject.grid.num_patches * self.width
        # Raw patches are cut faster than they are read back.
        return self.subject.model is not None and numbers * BYTES_OF_HALF <= MOST_BYTES

    @cached_property
    def _kept(self) -> Tensor:
        """All tokens (n, N, D) in half precision."""
        if self.cache is None:
            return self._joined()["tokens"]
        subject = self.subject
        how = (
            f"patch tokens of blocks {self.blocks_read} of {subject.image_size} in"
            f" {subject.precision} on {subject.device.type}"
        )
        key = features_key(
            self.weights_hash, self._config.to_dict(), subject.scale, self.store, how
        )
        return self.cache.fetch(key, f"{subject.name}, {self.part}", self._joined)["tokens"]

    def _joined(self) -> dict[str, Tensor]:
        return {"tokens": torch.cat([tokens.half() for _, tokens in self._encoded()])}

    def _encoded(self) -> Iterator[tuple[Tensor, Tensor]]:
        subject = self.subject
        for batch in eval_batches(self.store, subject.image_size, BATCH):
            if subject.model is None:
                tokens = subject.patches(batch.images).cpu()
            else:
                images = subject.scale.to_model(batch.images.to(subject.device))
                tokens = encode_patches(subject, images, self.blocks_read).cpu()
            yield batch.sample_ids, _finite(tokens, subject.name)


def dense_blocks(config: ModelConfig, blocks: str) -> tuple[int, ...]:
    """The numbers of the blocks that `last` or `all` stand for; of a deep encoder some."""
    return blocks_read(config, Readout(blocks == "all", 1, False, ""))


def encode_patches(subject: Subject, images: Tensor, blocks: tuple[int, ...]) -> Tensor:
    """(B, N, D) patch tokens of (B, C, H, W) images in the model's numbers, blocks side by side."""
    model = subject.encoder
    with evaluation_mode(model, subject.device, subject.precision):
        tokens = list(tokens_of_blocks(model, images, blocks))
    # (B, prefix + N, D) of each block -> (B, N, blocks * D)
    return torch.cat([part[:, subject.num_prefix :].float() for part in tokens], dim=2)


def _finite(tokens: Tensor, name: str) -> Tensor:
    if not bool(torch.isfinite(tokens).all()):
        raise MaskwrightError(
            f"Some patch tokens of '{name}' are not finite (NaN or infinite); check the pixel scale"
            " (@mean=,std=), or use other weights."
        )
    return tokens
