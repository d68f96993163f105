"""The attentive probe: patch tokens kept in memory where they fit, encoded anew where not."""

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
from maskwright.workflows.measuring.probe_context import ProbeContext

# Tokens of a small set fit; a gibibyte leaves room for the encoder on every machine.
MOST_BYTES = 2**30
BYTES_OF_HALF = 2
# Pictures in a pass of the encoder.
BATCH = 128


@dataclass(frozen=True, kw_only=True)
class AttentiveProbe(AttentiveSettings):
    """A few learned queries gather the patch tokens before a linear layer (attentive probe).

    It finds what single patches know and their mean hides. Its rate is chosen on a held-out share
    of train.

    Formula: class = W (softmax(q k) v), q learned
    Source: Chen et al. 2024 (Context Autoencoder); Bardes et al. 2024 (V-JEPA).
    """

    needs_encoder: ClassVar[bool] = True
    looks_at: ClassVar[str] = "frozen patch tokens"
    task: ClassVar[str] = "classes"

    def measure(self, context: ProbeContext) -> dict[str, Any]:
        """Train a few queries and a linear layer on the patch tokens of train."""
        name = context.subject.name

        def progress(epoch: int, total: int) -> None:
            detail = f"{name}, epoch {epoch + 1} of {total}"
            context.reporter.progress("attentive", epoch, total, detail)

        result = measure_attentive_probe(
            token_set(context, context.train),
            token_set(context, context.test),
            self,
            seed=context.subject.seed,
            device=context.subject.device,
            progress=progress,
        )
        context.reporter.finish()
        return result.to_dict()


def token_set(context: ProbeContext, store: PackedStore, most_bytes: int = MOST_BYTES) -> TokenSet:
    """Patch tokens of a store, in half precision in memory when they take at most `most_bytes`.

    Larger sets are encoded anew for every batch.
    """
    subject = context.subject
    grid, width = subject.grid, subject.encoder.config.width
    # Decoded and cropped without chance, as for all other probes.
    view = AugmentedPictures(store, evaluation_view(subject.image_size), 0)
    assert store.labels is not None

    def encode(ids: Tensor) -> Tensor:
        images = view.make(BatchPlan(0, ids)).images
        # (B, prefix + N, D) -> (B, N, D): class and registers are no patches.
        return subject.tokens(images)[:, subject.num_prefix :]

    if len(store) * grid.num_patches * width * BYTES_OF_HALF > most_bytes:
        return TokenSet(encode, store.labels, width)
    batches = torch.arange(len(store)).split(BATCH)
    tokens = torch.cat([encode(ids).half().cpu() for ids in batches])
    return TokenSet(lambda ids: tokens[ids].to(subject.device).float(), store.labels, width)
