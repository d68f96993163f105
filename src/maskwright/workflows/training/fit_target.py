"""Fitting a target that looks at pictures first, such as principal components, before step one."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from maskwright.data.store.splits import spread
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches import PixelScale, patchify
from maskwright.patches.target import FittedTarget
from maskwright.workflows.loading.pictures import Pictures, eval_batches

# Pictures that components are fitted on, spread over those to train on.
FIT_PICTURES = 2000


def fit_target(model: MaskedAutoencoder, pictures: Pictures, scale: PixelScale) -> str | None:
    """Fit a target that is fitted on pictures to train on; returns a sentence on it, or None."""
    if not isinstance(model.target, FittedTarget):
        return None
    count = min(FIT_PICTURES, len(pictures.train))
    model.target.fit(_patches(pictures, scale, model.grid.patch_size, count))
    return f"target: {model.target} fitted on the patches of {count:,} pictures"


def _patches(
    pictures: Pictures, scale: PixelScale, patch_size: int, count: int
) -> Iterator[Tensor]:
    """Batches of patches (B, N, P) of pictures spread over those to train on, without chance."""
    some = pictures.train.subset(spread(len(pictures.train), count))
    for batch in eval_batches(some, pictures.size):
        yield patchify(scale.to_model(batch.images), patch_size)
