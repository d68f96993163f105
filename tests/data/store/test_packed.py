"""The packed store opens fast, shares memory, notices damage and splits the same way everywhere."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.data.store.open_packed import open_packed
from maskwright.data.store.packed import FACTS, INDEX, PIXELS, PackedStore
from maskwright.data.store.same_picture import name_of_picture
from maskwright.data.store.splits import hold_out
from maskwright.support.errors import MaskwrightError


def test_a_flipped_bit_is_noticed(store: PackedStore) -> None:
    with (store.folder / PIXELS).open("r+b") as file:
        file.seek(777)
        byte = file.read(1)[0]
        file.seek(777)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(
        MaskwrightError,
        match=r"is damaged: bytes 0 to .* changed .* Delete that folder and it is built again",
    ):
        open_packed(store.folder)


def test_lost_bytes_are_noticed(store: PackedStore) -> None:
    with (store.folder / PIXELS).open("r+b") as file:
        file.truncate(100)
    with pytest.raises(MaskwrightError, match="has 100 bytes instead of"):
        open_packed(store.folder)


def test_a_broken_index_is_noticed(store: PackedStore) -> None:
    (store.folder / INDEX).write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(MaskwrightError, match="its index cannot be read"):
        open_packed(store.folder)


def test_another_format_is_refused(store: PackedStore) -> None:
    facts = json.loads((store.folder / FACTS).read_text())
    (store.folder / FACTS).write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(MaskwrightError, match="has format 99, not 1"):
        open_packed(store.folder)


def test_a_folder_without_a_store_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MaskwrightError, match="There is no packed store"):
        open_packed(tmp_path)


def test_pictures_of_one_size_come_in_one_go(store: PackedStore) -> None:
    assert store.uniform_size == (48, 48)
    ids = torch.tensor([3, 0, 3])
    many = store.images(ids)
    for place, index in enumerate(ids.tolist()):
        assert torch.equal(many[place].permute(2, 0, 1), store.image(index))


def test_pictures_of_different_sizes_do_not(tmp_path: Path) -> None:
    for at, width in enumerate((5, 6)):
        np.save(tmp_path / f"{at}.npy", np.zeros((5, width), dtype=np.uint8))
    store = pack(open_source(tmp_path), short_side=5)
    assert store.uniform_size is None
    with pytest.raises(MaskwrightError, match="different sizes"):
        store.images(torch.tensor([0, 1]))


def test_a_subset_shows_the_chosen_pictures_in_order(store: PackedStore) -> None:
    part = store.subset([5, 2])
    assert len(part) == 2
    assert torch.equal(part.image(0), store.image(5))
    assert torch.equal(part.images(torch.tensor([1]))[0].permute(2, 0, 1), store.image(2))
    assert part.keys == (store.keys[5], store.keys[2])
    assert part.labels is not None
    assert part.labels.tolist() == [1, 2]
    assert part.fingerprint != store.fingerprint


def test_an_empty_subset_is_refused(store: PackedStore) -> None:
    with pytest.raises(MaskwrightError, match="without pictures"):
        store.subset([])


def test_a_pickled_store_carries_no_pixels(store: PackedStore) -> None:
    before = store.image(7).clone()
    data = pickle.dumps(store)
    assert len(data) < store.num_bytes / 10
    assert torch.equal(pickle.loads(data).image(7), before)


def test_writing_into_a_picture_never_reaches_the_file(store: PackedStore) -> None:
    store.image(0).fill_(0)
    assert open_packed(store.folder).image(0).sum() > 0


def test_the_pixel_scale_is_mean_and_deviation_per_channel(store: PackedStore) -> None:
    scale = store.pixel_scale()
    pixels = store.images(torch.arange(26)).double() / 255
    assert scale.mean == pytest.approx(pixels.mean((0, 1, 2)).tolist(), abs=1e-9)
    assert scale.std == pytest.approx(pixels.flatten(0, 2).std(0, correction=0).tolist(), abs=1e-9)


def test_a_constant_channel_does_not_divide_by_zero(tmp_path: Path) -> None:
    store = pack(open_source(np.full((2, 8, 8), 9, dtype=np.uint8)), short_side=8, channels=1)
    assert torch.isfinite(store.pixel_scale().to_model(store.image(0)[None])).all()


def test_the_held_out_part_is_the_same_share_of_every_class(store: PackedStore) -> None:
    parts = hold_out(store.subset(range(24)), 12, seed=0)
    assert parts.held is not None
    assert parts.held.labels is not None
    assert parts.held.labels.bincount().tolist() == [3, 3, 3, 3]
    assert set(parts.held.keys) | set(parts.train.keys) == set(store.keys[:24])
    assert not set(parts.held.keys) & set(parts.train.keys)


def test_the_held_out_part_does_not_depend_on_order_but_on_the_seed(store: PackedStore) -> None:
    shuffled = store.subset(torch.randperm(26, generator=torch.Generator().manual_seed(0)))
    parts = [hold_out(data, 6, seed) for data, seed in ((store, 0), (shuffled, 0), (store, 1))]
    held = [set(part.held.keys) for part in parts if part.held is not None]
    assert held[0] == held[1]
    assert held[0] != held[2]


def test_windows_and_equal_pictures_stay_on_one_side() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3), dtype=np.uint8)
    pixels[1::4] = pixels[::4]  # every fourth picture comes twice under another name
    store = pack(open_source(pixels), short_side=8)
    keys = tuple(f"{at // 2}.png" + "#2" * (at % 2) for at in range(40))
    for named in (store, dataclasses.replace(store, keys=keys)):
        parts = hold_out(named, 10, seed=0)
        assert parts.held is not None
        assert len(parts.held) in (9, 10)
        assert parts.held.content is not None
        assert not torch.isin(parts.held.content, parts.train.content).any()
        pictures = [
            {name_of_picture(key) for key in part.keys} for part in (parts.train, parts.held)
        ]
        assert not pictures[0] & pictures[1]


def test_a_store_of_an_earlier_version_still_knows_its_duplicates(store: PackedStore) -> None:
    assert store.content is not None
    old = dataclasses.replace(store, pixel_hashes=None)
    assert torch.equal(old.content, store.content)
    assert torch.equal(old.subset([3, 1]).content, store.content[[3, 1]])


def test_pictures_that_are_all_the_same_cannot_be_held_out(store: PackedStore) -> None:
    same = dataclasses.replace(store, pixel_hashes=torch.zeros(26, dtype=torch.int64))
    assert hold_out(same, 5, seed=0).held is None
