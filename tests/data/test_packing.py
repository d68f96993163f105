"""Packing can be stopped, repeated, raced and run out of disk without a wrong store."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.data import packing
from maskwright.data.packing import pack, packed_folder
from maskwright.data.pixels.decode import DecodeOptions
from maskwright.data.sources.open import open_source
from maskwright.data.store.open_packed import open_packed
from maskwright.data.store.packed import FACTS, PIXELS
from maskwright.support.errors import MaskwrightError

Encoded = Callable[..., bytes]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "CHUNK", 4)


def test_a_store_holds_what_the_source_reads(folder: Path) -> None:
    source = open_source(folder)
    store = pack(source, short_side=8)
    assert len(store) == 12
    for index in range(12):
        assert np.array_equal(
            store.image(index).permute(1, 2, 0).numpy(),
            source.read(index, DecodeOptions(channels=3, short_side=8)),
        )
    assert store.labels is not None
    assert store.labels.tolist() == source.labels
    assert store.classes == ("cat", "dog")
    assert store.keys == tuple(source.keys)


def test_sizes_may_differ_and_small_pictures_stay_as_they_are(
    tmp_path: Path, encoded: Encoded
) -> None:
    (tmp_path / "p").mkdir()
    for at, size in enumerate([(40, 20), (6, 5), (20, 30)]):
        (tmp_path / "p" / f"{at}.png").write_bytes(encoded("PNG", size))
    store = pack(open_source(tmp_path / "p"), short_side=10)
    assert [tuple(store.image(at).shape) for at in range(3)] == [
        (3, 20, 10),
        (3, 6, 5),
        (3, 10, 15),
    ]


def test_the_wanted_channels_are_stored(folder: Path) -> None:
    assert pack(open_source(folder), short_side=8, channels=1).image(0).shape[0] == 1
    assert pack(open_source(folder), short_side=8, channels=4).image(0).shape[0] == 4


def test_unreadable_pictures_are_skipped_and_listed_and_labels_stay_aligned(folder: Path) -> None:
    (folder / "train/cat/1.png").write_bytes(b"")
    (folder / "train/dog/0.png").write_bytes(b"dear diary")
    store = pack(open_source(folder / "train"), short_side=8)
    assert [one.key for one in store.skipped] == ["cat/1.png", "dog/0.png"]
    assert store.skipped[0].reason == "the file is empty"
    assert store.keys == ("cat/0.png", "cat/2.png", "dog/1.png", "dog/2.png")
    assert store.labels is not None
    assert store.labels.tolist() == [0, 0, 1, 1]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.jpg").write_bytes(b"dear diary")
    with pytest.raises(MaskwrightError, match="None of the 1 pictures"):
        pack(open_source(tmp_path / "p"), short_side=8)


def test_packing_again_only_opens_the_store(folder: Path) -> None:
    source = open_source(folder)
    pack(source, short_side=8)
    calls: list[int] = []
    pack(source, short_side=8, progress=lambda done, total: calls.append(done))
    assert calls == []


def test_progress_is_told(folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    pack(
        open_source(folder), short_side=8, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(4, 12), (8, 12), (12, 12)]


def _interrupt_at(stop: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done == stop:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_packing_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    source, place = open_source(folder), tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        pack(source, short_side=8, folder=place, progress=_interrupt_at(8))
    assert not place.exists()
    calls: list[int] = []
    store = pack(
        source, short_side=8, folder=place, progress=lambda done, total: calls.append(done)
    )
    assert calls == [12]
    whole = pack(source, short_side=8, folder=tmp_path / "whole")
    assert (place / PIXELS).read_bytes() == (tmp_path / "whole" / PIXELS).read_bytes()
    assert store.keys == whole.keys


def test_half_written_bytes_of_an_interrupted_packing_are_written_again(
    folder: Path, tmp_path: Path
) -> None:
    source, place = open_source(folder), tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        pack(source, short_side=8, folder=place, progress=_interrupt_at(8))
    part = tmp_path / ".store.part"
    with (part / PIXELS).open("r+b") as file:
        file.truncate((part / PIXELS).stat().st_size - 5)
    with (part / "journal.jsonl").open("a") as file:
        file.write('{"stop": 12, "en')
    calls: list[int] = []
    pack(source, short_side=8, folder=place, progress=lambda done, total: calls.append(done))
    assert calls == [8, 12]
    pack(source, short_side=8, folder=tmp_path / "whole")
    assert (place / PIXELS).read_bytes() == (tmp_path / "whole" / PIXELS).read_bytes()


def test_a_changed_source_is_packed_again(folder: Path, tmp_path: Path, encoded: Encoded) -> None:
    place = tmp_path / "store"
    pack(open_source(folder), short_side=8, folder=place)
    (folder / "train/cat/9.png").write_bytes(encoded("PNG", seed=99))
    assert len(pack(open_source(folder), short_side=8, folder=place)) == 13
    assert len(open_packed(place)) == 13


def test_an_interrupted_packing_of_another_source_is_not_continued(
    folder: Path, tmp_path: Path, encoded: Encoded
) -> None:
    place = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        pack(open_source(folder), short_side=8, folder=place, progress=_interrupt_at(8))
    (folder / "train/cat/0.png").write_bytes(encoded("PNG", seed=99))
    store, fresh = (
        pack(open_source(folder), short_side=8, folder=at) for at in (place, tmp_path / "fresh")
    )
    assert (store.folder / PIXELS).read_bytes() == (fresh.folder / PIXELS).read_bytes()


def test_a_full_disk_gets_a_sentence_and_keeps_what_was_packed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    source, place = open_source(folder), tmp_path / "store"
    with monkeypatch.context() as patch:
        patch.setattr(packing, "_finish", full)
        with pytest.raises(
            MaskwrightError, match=r"No space left on device. Free some space .* run again to go on"
        ):
            pack(source, short_side=8, folder=place)
    calls: list[int] = []
    assert (
        len(
            pack(
                source, short_side=8, folder=place, progress=lambda done, total: calls.append(done)
            )
        )
        == 12
    )
    assert calls == []


def test_a_folder_with_something_else_is_never_replaced(folder: Path) -> None:
    with pytest.raises(MaskwrightError, match="holds something else than a packed store"):
        pack(open_source(folder), short_side=8, folder=folder)
    assert (folder / "train/cat/0.png").exists()


def test_two_packings_at_once_give_one_good_store(folder: Path, tmp_path: Path) -> None:
    source, lengths = open_source(folder), []
    threads = [
        threading.Thread(
            target=lambda: lengths.append(
                len(pack(source, short_side=8, folder=tmp_path / "store"))
            )
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == [12, 12, 12]
    assert {path.name for path in tmp_path.iterdir() if "store" in path.name} == {
        "store",
        ".store.lock",
    }


def test_the_place_in_the_cache_names_the_content(folder: Path) -> None:
    source = open_source(folder)
    assert packed_folder(source, 8, 3).name == f"pets-{source.fingerprint}-8px-3ch"
    assert pack(source, short_side=8).folder == packed_folder(source, 8, 3)


def test_a_huge_picture_is_packed_without_a_warning(
    tmp_path: Path, encoded: Encoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.png").write_bytes(encoded("PNG", (12, 10)))
    monkeypatch.setattr(
        Image, "MAX_IMAGE_PIXELS", 100
    )  # Pillow warns above this and refuses above twice this
    assert len(pack(open_source(tmp_path / "p"), short_side=8)) == 1


def test_a_short_side_of_nothing_is_refused(folder: Path) -> None:
    with pytest.raises(MaskwrightError, match="at least 1 pixel"):
        pack(open_source(folder), short_side=0)


def test_facts_record_the_settings(folder: Path) -> None:
    store = pack(open_source(folder), short_side=8)
    assert (store.folder / FACTS).exists()
    assert (store.short_side, store.channels) == (8, 3)
