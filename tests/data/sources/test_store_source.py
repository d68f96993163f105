"""A prepared store is data like any other, and is used where it lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from maskwright.data.packing import pack
from maskwright.data.pixels.decode import DecodeOptions
from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.store_source import StoreSource
from maskwright.data.sources.survey import survey
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.loading.pictures import packed


class Listener:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def progress(self, label: str, done: float, total: float, detail: str) -> None: ...

    def finish(self) -> None: ...


@pytest.fixture
def prepared(folder: Path, tmp_path: Path) -> Path:
    """A store of the twelve labelled pictures."""
    return pack(open_source(folder), short_side=8, folder=tmp_path / "store").folder


def test_a_store_folder_opens_as_a_source(prepared: Path) -> None:
    source = open_source(prepared)
    assert isinstance(source, Source)
    assert (len(source), source.classes, source.splits) == (12, ["cat", "dog"], ("train", "test"))
    assert source.key(0) == "test/cat/0.png"
    assert source.size(0) == (10, 8)
    assert source.read(0, DecodeOptions(channels=1, short_side=4)).shape == (5, 4, 1)
    assert str(survey(source)).startswith(
        "found 12 images (png 12), all 10x8, color, 2 classes (cat, dog)"
    )


def test_packing_a_store_gives_it_back(prepared: Path, tmp_path: Path) -> None:
    assert pack(open_source(prepared), short_side=110).folder == prepared
    assert not (tmp_path / "cache").exists()


def test_other_channels_are_packed_into_the_cache(prepared: Path) -> None:
    store = pack(open_source(prepared), short_side=8, channels=1)
    assert store.folder != prepared
    assert store.image(0).shape[0] == 1


def test_a_split_of_a_store_is_a_subset(prepared: Path) -> None:
    source = open_source(prepared, split="test")
    store = pack(source, short_side=8)
    assert len(store) == 6
    assert all(key.startswith("test/") for key in store.keys)
    whole = open_source(prepared).store  # type: ignore[attr-defined]
    assert torch.equal(store.image(0), whole.image(whole.keys.index(store.keys[0])))


def test_an_unknown_split_is_refused(prepared: Path) -> None:
    with pytest.raises(MaskwrightError, match=r"has no split 'val': its splits are train, test"):
        open_source(prepared, split="val")


def test_a_store_takes_labels_from_a_file(prepared: Path, tmp_path: Path) -> None:
    keys = open_source(prepared).store.keys  # type: ignore[attr-defined]
    (tmp_path / "l.csv").write_text(
        "file,label\n" + "".join(f"{key},{'ab'[at % 2]}\n" for at, key in enumerate(keys))
    )
    source = open_source(prepared, labels=str(tmp_path / "l.csv"))
    assert isinstance(source, StoreSource)
    assert (source.classes, source.labels) == (["a", "b"], [0, 1] * 6)
    assert pack(source, short_side=8).labels is not None


def test_a_larger_size_than_the_store_holds_gets_a_sentence(prepared: Path) -> None:
    listener = Listener()
    packed(open_source(prepared), (8, 8), 3, listener)
    assert listener.warned == []
    packed(open_source(prepared), (16, 16), 3, listener)
    assert (
        "holds pictures of 8 pixels on the shorter side, so 16x16 enlarges them; prepare it again"
        " with --size 16" in listener.warned[0]
    )


def test_a_damaged_store_is_not_read(prepared: Path) -> None:
    (prepared / "pixels.bin").write_bytes(b"")
    with pytest.raises(MaskwrightError, match="is damaged"):
        open_source(prepared)


def test_reading_gives_the_stored_pixels(prepared: Path, folder: Path) -> None:
    wanted = open_source(folder).read(3, DecodeOptions(channels=3, short_side=8))
    assert np.array_equal(open_source(prepared).read(3), wanted)
