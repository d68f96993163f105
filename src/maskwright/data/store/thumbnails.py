"""Tiny gray versions of pictures, by which the same picture is found although it was saved anew."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.data.store.packed import PackedStore

SIDE = 16
# Pictures that are shrunk at once.
_BATCH = 256


def thumbnails(store: PackedStore) -> Tensor:
    """(n, 256) float32 gray levels in [0, 255] of 16 x 16 equal parts of each picture."""
    shrunk = []
    if store.uniform_size is not None:
        for ids in torch.arange(len(store)).split(_BATCH):
            images = store.images(ids).permute(0, 3, 1, 2)  # (B, C, H, W)
            shrunk.append(_shrink(images))
    else:
        for index in range(len(store)):
            image = store.image(index)[None]  # (1, C, H, W)
            shrunk.append(_shrink(image))
    return torch.cat(shrunk)


@dataclass(frozen=True, eq=False)
class NearestThumbnails:
    """The nearest of a collection for each of q pictures.

    places: (q,) in the collection.
    distance: (q,) root mean squared difference in gray levels.
    """

    places: Tensor
    distance: Tensor


def nearest_thumbnails(queries: Tensor, collection: Tensor) -> NearestThumbnails:
    """Find the nearest of the collection for each of (q, 256) thumbnails."""
    places = []
    distances = []
    # Blocks of 64 MiB of distances.
    at_once = max(1, 2**24 // len(collection))
    for part in queries.split(at_once):
        between = torch.cdist(part, collection)  # (part, collection)
        distance, place = between.min(1)
        places.append(place)
        distances.append(distance / SIDE)
    return NearestThumbnails(torch.cat(places), torch.cat(distances))


def _shrink(images: Tensor) -> Tensor:
    """(B, C, H, W) uint8 to (B, 256): means of parts, and over the channels of color."""
    gray = images[:, :3].float().mean(1, keepdim=True)
    return F.adaptive_avg_pool2d(gray, SIDE).flatten(1)
