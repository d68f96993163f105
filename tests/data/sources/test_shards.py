"""WebDataset shards: every picture once per epoch for any workers and ranks, labels, exact resume,
and what is broken.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import draw_pictures

from maskwright.data.augment.transforms import Augment, evaluation_view
from maskwright.data.loader import LoaderSettings, build_loader
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.data.sources.shard_files import find_shards
from maskwright.data.streamed import stream
from maskwright.support.errors import MaskwrightError


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))


def picture_bytes(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def write_shards(folder: Path, counts=(5, 3, 8), kind="png", label="cls", size=20) -> str:
    """Shards of different lengths; picture k overall is known by its pixels, its label is k % 3."""
    pictures = iter(enumerate(draw_pictures(sum(counts), size)))
    for shard, count in enumerate(counts):
        with tarfile.open(folder / f"photos-{shard:03d}.tar", "w") as archive:
            for at, pixels in [next(pictures) for _ in range(count)]:
                add(
                    archive,
                    f"{at:05d}.{kind}",
                    picture_bytes(np.asarray(pixels), "JPEG" if kind == "jpg" else "PNG"),
                )
                if label:
                    add(
                        archive,
                        f"{at:05d}.{label}",
                        (str(at % 3) if label == "cls" else json.dumps({"label": at % 3})).encode(),
                    )
    return str(folder / f"photos-{{000..{len(counts) - 1:03d}}}.tar")


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def open_stream(place: str, short_side: int = 20):
    return stream(open_source(place), short_side=short_side)


@pytest.mark.parametrize("label", ["cls", "json"])
def test_streamed_shards_hold_the_pictures_and_labels_that_packing_them_gives(tmp_path, label):
    source = open_source(write_shards(tmp_path, label=label))
    streamed, packed = stream(source, short_side=16), pack(source, short_side=16)
    assert streamed.keys == packed.keys
    assert streamed.keys[5] == "photos-001.tar/00005.png"
    assert torch.equal(streamed.labels, torch.arange(16) % 3)
    for at in range(16):
        assert torch.equal(streamed.image(at), packed.image(at))
    assert streamed.pixel_scale() == packed.pixel_scale()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("world_size", [1, 2])
def test_every_picture_comes_once_per_epoch_whatever_the_workers_and_ranks(
    tmp_path, workers, world_size
):
    store = open_stream(write_shards(tmp_path))
    for epoch in (0, 1):
        seen = []
        for rank in range(world_size):
            loader = build_loader(
                store,
                evaluation_view((20, 20)),
                LoaderSettings(
                    batch_size=2,
                    seed=3,
                    drop_last=False,
                    workers=workers,
                    rank=rank,
                    world_size=world_size,
                ),
            )
            loader.set_epoch(epoch)
            for batch in loader:
                seen.extend(batch.sample_ids.tolist())
                for image, at in zip(batch.images, batch.sample_ids.tolist(), strict=True):
                    assert torch.equal(image, store.image(at))
        assert sorted(seen) == list(range(16))


def test_an_epoch_goes_on_exactly_where_it_stopped(tmp_path):
    store = open_stream(write_shards(tmp_path))
    augment = Augment(size=(12, 12), scale=(0.3, 1.0))
    whole, rest = (
        build_loader(store, augment, LoaderSettings(batch_size=3, seed=1, workers=2))
        for _ in range(2)
    )
    rest.start_at(2)
    later = list(whole)[2:]
    resumed = list(rest)
    assert len(later) == len(resumed) == 3
    for one, two in zip(later, resumed, strict=True):
        assert torch.equal(one.sample_ids, two.sample_ids)
        assert torch.equal(one.images, two.images)


def test_a_second_opening_reads_the_index_and_not_the_shards(tmp_path, monkeypatch):
    place = write_shards(tmp_path)
    first = open_source(place)
    monkeypatch.setattr(tarfile, "open", lambda *_, **__: pytest.fail("the shard was read again"))
    assert list(open_source(place).keys) == list(first.keys)


def test_jpeg_pictures_have_the_size_that_the_header_promises(tmp_path):
    store = open_stream(write_shards(tmp_path, counts=(2,), kind="jpg", size=67), short_side=16)
    assert store.image(1).shape == (3, int(store.heights[1]), int(store.widths[1]))
    assert min(store.image(1).shape[1:]) == 16


def test_shards_without_labels_have_none_and_broken_headers_are_noted(tmp_path):
    place = write_shards(tmp_path, counts=(2, 2), label="")
    with tarfile.open(tmp_path / "photos-001.tar", "a") as archive:
        add(archive, "99999.png", b"no picture")
    source = open_source(place)
    assert source.labels is None
    assert len(source) == 4
    assert any("photos-001.tar/99999.png" in note for note in source.notes)


def test_a_picture_that_breaks_after_its_header_is_gray_and_too_many_stop_the_work(
    tmp_path, caplog
):
    with tarfile.open(tmp_path / "a-0.tar", "w") as archive:
        for at, pixels in enumerate(draw_pictures(12, 64)):
            data = picture_bytes(np.asarray(pixels), "JPEG")
            add(archive, f"{at}.jpg", data[: len(data) * 9 // 10])
    store = open_stream(str(tmp_path / "a-{0..0}.tar"))
    assert (store.image(0) == 128).all()
    store.image(0)
    assert caplog.text.count("a-0.tar/0.jpg") == 1
    with pytest.raises(MaskwrightError, match="11 of 12 pictures cannot be decoded"):
        [store.image(at) for at in range(12)]


def test_mistakes_in_naming_shards_are_told(tmp_path):
    write_shards(tmp_path)
    with pytest.raises(MaskwrightError, match=r"2 of the 5 shards .*photos-003\.tar"):
        find_shards(str(tmp_path / "photos-{000..004}.tar"))
    with pytest.raises(MaskwrightError, match="no range of shards"):
        find_shards(str(tmp_path / "photos-{0..x}.tar"))
    with pytest.raises(MaskwrightError, match="No shard matches"):
        open_source(str(tmp_path / "x-*.tar"))
    with pytest.raises(MaskwrightError, match="name the shards of that split"):
        open_source(str(tmp_path / "photos-*.tar"), split="train")
    (tmp_path / "torn-0.tar").write_bytes((tmp_path / "photos-000.tar").read_bytes()[:3000])
    with pytest.raises(MaskwrightError, match=r"Cannot read the shard .*torn-0\.tar"):
        open_source(str(tmp_path / "torn-*.tar"))
