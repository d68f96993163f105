"""Maps of a single picture, where the data bring any, for the policies that look at them."""

from __future__ import annotations

from torch import Tensor

from maskwright.data.maps.patch_maps import map_names
from maskwright.data.sources.source import Source
from maskwright.data.sources.store_source import StoreSource
from maskwright.patches import Grid
from maskwright.workflows.loading.pictures import eval_batches


def read_maps(source: Source, index: int, grid: Grid) -> dict[str, Tensor]:
    """The (1, N) maps of one picture by name; none for what is no prepared store."""
    if not isinstance(source, StoreSource):
        return {}
    names = map_names(source.store)
    if not names:
        return {}
    # The map goes through the same shrinking and cropping as its picture.
    alone = source.store.subset([index])
    batch = next(eval_batches(alone, grid.image_size, 1, names, grid))
    return dict(batch.priors)
