"""The attentive probe on a bench: patch tokens kept in memory where they fit, encoded again in
every epoch where they don't.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.data.augment.transforms import evaluation_view
from maskwright.data.epoch_order import BatchPlan
from maskwright.data.loader import AugmentedPictures
from maskwright.data.store.packed import PackedStore
from maskwright.evaluation.attentive_probe import (
    AttentiveSettings,
    TokenSet,
    measure_attentive_probe,
)
from maskwright.evaluation.frozen import held_still
from maskwright.workflows.measuring.bench import Bench

MOST_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class AttentiveProbe:
    """See AttentiveSettings; the rate is chosen on a held-out share of train."""

    queries: int = 4
    epochs: int = 30
    batch: int = 256
    held_out: float = 0.2
    needs_encoder: ClassVar[bool] = True
    looks_at: ClassVar[str] = "frozen patch tokens"

    def __post_init__(self) -> None:
        self._settings()

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Train a few queries and a linear layer on the patch tokens of train."""

        def progress(epoch: int, total: int) -> None:
            bench.reporter.progress(
                "attentive", epoch, total, f"{bench.name}, epoch {epoch + 1} of {total}"
            )

        sets = token_set(bench, bench.train), token_set(bench, bench.test)
        result = measure_attentive_probe(
            *sets, self._settings(), seed=bench.seed, device=bench.device, progress=progress
        )
        bench.reporter.finish()
        return result.to_dict()

    def _settings(self) -> AttentiveSettings:
        return AttentiveSettings(
            queries=self.queries, epochs=self.epochs, batch=self.batch, held_out=self.held_out
        )


def token_set(bench: Bench, store: PackedStore, most_bytes: int = MOST_BYTES) -> TokenSet:
    """Patch tokens of a store: half-precision in memory when they take at most `most_bytes`, else
    made anew for every batch.
    """
    encoder = bench.encoder
    config, grid = encoder.model.config, encoder.model.grid
    view = AugmentedPictures(store, evaluation_view(bench.image_size), 0)
    assert store.labels is not None

    def encode(ids: Tensor) -> Tensor:
        images = view.__getitems__(BatchPlan(0, ids)).images
        with held_still(encoder.model, bench.device, bench.precision):
            return encoder.model.encode(encoder.scale.to_model(images.to(bench.device)))[
                :, config.num_prefix :
            ].float()

    if len(store) * grid.num_patches * config.width * 2 > most_bytes:
        return TokenSet(encode, store.labels, config.width)
    kept = torch.cat([encode(some).half().cpu() for some in torch.arange(len(store)).split(128)])
    return TokenSet(lambda ids: kept[ids].to(bench.device).float(), store.labels, config.width)
