"""Stores with maps for tests: pictures whose first channel is the map itself, so that pixels and
maps can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.data.maps.map_writer import MapPlan, write_map
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.data.store.packed import PackedStore

PARTS = ("face", "eyes", "mouth")


def build_store(
    tmp_path: Path, sizes: Sequence[tuple[int, int]], smooth: bool = False
) -> PackedStore:
    """A store of pictures of these sizes whose channels are: share, part number times 80, noise;
    with the maps share and parts.
    """
    rng = np.random.default_rng(0)
    (tmp_path / "p").mkdir(exist_ok=True)
    for at, (height, width) in enumerate(sizes):
        share = rng.integers(0, 256, (height, width), dtype=np.uint8)
        if smooth:
            small = Image.fromarray(rng.integers(0, 256, (4, 4), dtype=np.uint8))
            share = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
        parts = rng.integers(0, 4, (height, width), dtype=np.uint8)
        Image.fromarray(
            np.stack([share, parts * 80, rng.integers(0, 256, share.shape, dtype=np.uint8)], axis=2)
        ).save(tmp_path / "p" / f"{at:03d}.png")
    store = pack(open_source(tmp_path / "p"), short_side=500, folder=tmp_path / "store")
    add_maps(store)
    return store


def add_maps(store: PackedStore) -> None:
    """Write the maps share and parts of a store whose pictures show them."""
    write_map(
        store,
        MapPlan(name="share", kind="share", made="first channel"),
        lambda ids: [store.image(at)[0].contiguous().numpy() for at in ids],
    )
    write_map(
        store,
        MapPlan(name="parts", kind="labels", parts=PARTS, made="second channel"),
        lambda ids: [(store.image(at)[1] // 80).contiguous().numpy() for at in ids],
    )
