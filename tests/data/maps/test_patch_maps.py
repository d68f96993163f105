"""Maps lie beside a store, belong to its pictures, survive a kill and never stand in for others."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.data.map_stores import PARTS, build_store

from maskwright.data.maps import map_writer
from maskwright.data.maps.map_writer import MapPlan, write_map
from maskwright.data.maps.patch_maps import MAPS, map_names, open_map
from maskwright.data.store.open_packed import open_packed
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json

SIZES = [(12, 10), (8, 9), (12, 10), (20, 30), (7, 7), (9, 8)]


@pytest.fixture
def mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackedStore:
    """A store of six pictures of different sizes with a map of shares and one of parts."""
    monkeypatch.setattr(map_writer, "MAP_CHUNK", 2)
    return build_store(tmp_path, SIZES)


def _zeros(store: PackedStore, ids: Sequence[int]) -> list[np.ndarray]:
    return [np.zeros((int(store.heights[at]), int(store.widths[at])), dtype=np.uint8) for at in ids]


def test_a_map_has_a_byte_for_each_pixel_of_the_pictures_in_their_order(
    mapped: PackedStore,
) -> None:
    share = open_map(mapped, "share")
    assert share.path.stat().st_size * 3 == mapped.num_bytes
    for at in range(len(mapped)):
        pixels = share.picture(
            int(mapped.offsets[at]) // 3, int(mapped.heights[at]), int(mapped.widths[at])
        )
        assert torch.equal(pixels, mapped.image(at)[0])


def test_a_map_knows_its_kind_its_parts_and_its_coverage(mapped: PackedStore) -> None:
    assert map_names(mapped) == ("parts", "share")
    parts = open_map(mapped, "parts")
    assert parts.entries == ("parts/face", "parts/eyes", "parts/mouth")
    counts = [float(np.mean([(mapped.image(at)[1] == 160).float().mean() for at in range(6)])), 0]
    assert [parts.coverage[f"eyes: {name}"] for name in ("mean_share", "without")] == pytest.approx(
        counts, abs=1e-5
    )
    assert open_map(mapped, "share").entries == ("share",)


def test_a_missing_map_names_the_nearest_and_the_way_to_make_it(mapped: PackedStore) -> None:
    with pytest.raises(
        MaskwrightError,
        match=r"has no map 'shar' .*Did you mean 'share'.*It has: parts, share.*maskwright prepare",
    ):
        open_map(mapped, "shar")


def test_a_map_of_another_store_is_refused(mapped: PackedStore, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = build_store(tmp_path / "other", [(12, 10), (8, 9), (12, 10), (20, 30), (7, 7), (8, 9)])
    shutil.copy(mapped.folder / MAPS / "share.json", other.folder / MAPS / "share.json")
    with pytest.raises(
        MaskwrightError, match=r"share.json' cannot be used: it was made for other pictures"
    ):
        open_map(other, "share")


@pytest.mark.parametrize(
    ("cut", "words"), [(5, "has 5 bytes instead of"), (0, "has 0 bytes instead of")]
)
def test_a_truncated_map_is_refused(mapped: PackedStore, cut: int, words: str) -> None:
    with (mapped.folder / MAPS / "share.bin").open("r+b") as file:
        file.truncate(cut)
    with pytest.raises(
        MaskwrightError,
        match=rf"share.bin' cannot be used: share.bin {words}.*Delete it and make it again",
    ):
        open_map(mapped, "share")


def test_a_changed_byte_is_noticed(mapped: PackedStore) -> None:
    path = mapped.folder / MAPS / "share.bin"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(MaskwrightError, match=r"bytes 0 to .* of share.bin changed"):
        open_map(mapped, "share")


def test_a_map_of_another_size_is_refused(mapped: PackedStore) -> None:
    place = mapped.folder / MAPS / "share.json"
    path, facts = place.with_suffix(".bin"), read_json(place)
    path.write_bytes(path.read_bytes()[: facts["chunk_ends"][0]])
    write_json(place, {**facts, "num_bytes": facts["chunk_ends"][0]})
    with pytest.raises(MaskwrightError, match=r"share.bin has \d+ bytes for [\d,]+ pixels"):
        open_map(mapped, "share")


def test_an_interrupted_map_goes_on_where_it_was(mapped: PackedStore) -> None:
    plan, seen = MapPlan(name="late", kind="share", made="zeros"), []

    def draw(ids: Sequence[int]) -> list[np.ndarray]:
        seen.append(list(ids))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return _zeros(mapped, ids)

    with pytest.raises(KeyboardInterrupt):
        write_map(mapped, plan, draw)
    assert "late" not in map_names(mapped)
    write_map(mapped, plan, draw)
    assert seen == [[0, 1], [2, 3], [2, 3], [4, 5]]
    assert open_map(mapped, "late").coverage == {"mean_share": 0.0, "without": 6}


def test_a_finished_map_is_not_made_again_unless_it_is_made_differently(
    mapped: PackedStore,
) -> None:
    calls: list[int] = []

    def draw(ids: Sequence[int]) -> list[np.ndarray]:
        calls.append(len(ids))
        return _zeros(mapped, ids)

    for made in ("one", "one", "two"):
        write_map(mapped, MapPlan(name="late", kind="share", made=made), draw)
    assert len(calls) == 2 * 3
    assert open_map(mapped, "late").made == "two"


def test_labels_need_parts_and_shares_have_none() -> None:
    with pytest.raises(MaskwrightError, match="names 1 to 255 different parts"):
        MapPlan(name="parts", kind="labels", made="")
    with pytest.raises(MaskwrightError, match="letters, digits"):
        MapPlan(name="a/b", kind="share", made="")


def test_a_pickled_map_carries_no_pixels(mapped: PackedStore) -> None:
    parts = open_map(mapped, "parts")
    before = parts.picture(0, 12, 10).clone()
    assert torch.equal(pickle.loads(pickle.dumps(parts)).picture(0, 12, 10), before)
    assert parts.parts == PARTS


def test_a_reopened_store_and_its_subsets_have_the_maps(mapped: PackedStore) -> None:
    part = open_packed(mapped.folder).subset([3, 1])
    pixels = open_map(part, "share").picture(int(part.offsets[0]) // 3, 20, 30)
    assert torch.equal(pixels, mapped.image(3)[0])
