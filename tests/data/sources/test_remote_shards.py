"""Shards behind addresses: the pictures of a disk, each file fetched once, and refusals."""

from __future__ import annotations

import errno
import functools
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import fsspec
import pytest
import torch
from tests.data.sources.test_shards import write_shards

from maskwright.data.augment.transforms import evaluation_view
from maskwright.data.loader import LoaderSettings, build_loader
from maskwright.data.sampling import BlockSampling
from maskwright.data.sources import remote_cache
from maskwright.data.sources.open import open_source
from maskwright.data.sources.remote_cache import fetched, make_room
from maskwright.data.streamed import stream
from maskwright.support.errors import MaskwrightError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remote_cache, "_PAUSE_SECONDS", 0.01)
    return tmp_path / "cache" / "remote"


@pytest.fixture
def bucket(tmp_path):
    """Three shards in memory, and the same on the disk: (address, pattern)."""
    (tmp_path / "disk").mkdir()
    local = write_shards(tmp_path / "disk")
    system = fsspec.filesystem("memory")
    for path in sorted((tmp_path / "disk").iterdir()):
        system.pipe(f"/bucket/set/{path.name}", path.read_bytes())
    yield "memory://bucket/set/photos-{000..002}.tar", local
    system.rm("/bucket", recursive=True)


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *words):
        pass


@pytest.fixture
def server(tmp_path):
    pytest.importorskip("aiohttp")
    (tmp_path / "www").mkdir()
    write_shards(tmp_path / "www")
    _Quiet.asked = []
    handler = functools.partial(_Quiet, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def copies(folder: Path) -> list[str]:
    return sorted(path.name.split("-", 1)[1] for path in folder.iterdir() if path.is_file())


def test_a_remote_set_is_the_local_one(bucket):
    address, local = bucket
    remote, here = open_source(address), open_source(local)
    assert list(remote.keys) == list(here.keys)
    assert remote.labels == here.labels
    assert remote.fingerprint == here.fingerprint
    streamed = stream(remote, short_side=20)
    for at in range(16):
        assert torch.equal(streamed.image(at), stream(here, short_side=20).image(at))


def test_a_pattern_finds_what_is_there(bucket, cache):
    source = open_source("memory://bucket/set/*.tar")
    assert len(source) == 16
    assert "3 shards, photos-000.tar to photos-002.tar." in source.notes
    assert copies(cache) == ["photos-000.tar", "photos-001.tar", "photos-002.tar"]


@pytest.mark.parametrize("workers", [0, 2])
def test_over_http_each_shard_is_fetched_once_whatever_reads_it(server, workers):
    source = open_source(f"{server}/photos-{{000..002}}.tar")
    loader = build_loader(
        stream(source, short_side=20),
        evaluation_view((20, 20)),
        LoaderSettings(
            batch_size=4, seed=0, workers=workers, blocks=BlockSampling(size=4, buffer=2)
        ),
    )
    seen = torch.cat([batch.sample_ids for batch in loader])
    assert sorted(seen.tolist()) == list(range(16))
    assert sorted(_Quiet.asked) == [f"/photos-00{shard}.tar" for shard in range(3)]


def test_a_changed_shard_is_fetched_anew(bucket):
    address, local = bucket
    before = open_source(address).fingerprint
    folder = Path(local).parent / "other"
    folder.mkdir()
    write_shards(folder, counts=(6, 2, 8))
    for path in folder.iterdir():
        fsspec.filesystem("memory").pipe(f"/bucket/set/{path.name}", path.read_bytes())
    assert open_source(address).fingerprint != before


def test_what_was_not_used_for_longest_makes_room(tmp_path, monkeypatch):
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / name).write_bytes(bytes(400))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / ".unfinished.part").write_bytes(bytes(400))
    monkeypatch.setenv("MASKWRIGHT_REMOTE_CACHE", "2.1e-6")  # 2,100 bytes
    make_room(tmp_path, 1000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".unfinished.part", "new"]


def test_pictures_come_whole_when_the_cache_holds_one_shard(bucket, cache, monkeypatch):
    address, local = bucket
    largest = max(path.stat().st_size for path in Path(local).parent.iterdir())
    monkeypatch.setenv("MASKWRIGHT_REMOTE_CACHE", str(1.5 * largest / 1e9))
    streamed = stream(open_source(address), short_side=20)
    expected = stream(open_source(local), short_side=20)
    for at in (0, 15, 6, 1, 14):
        assert torch.equal(streamed.image(at), expected.image(at))
        assert len(copies(cache)) == 1


def test_a_download_that_fails_is_tried_again(cache, caplog):
    tries = []

    def download(target: Path) -> None:
        tries.append(target)
        if len(tries) < 3:
            raise TimeoutError("no answer")
        target.write_bytes(b"12345")

    with caplog.at_level(logging.WARNING):
        copy = fetched("s3://a/b.tar", "1", 5, download)
    assert copy.read_bytes() == b"12345"
    assert [record.message for record in caplog.records] == [
        "fetching s3://a/b.tar failed (no answer); trying again"
    ] * 2
    # It is there now.
    assert fetched("s3://a/b.tar", "1", 5, download) == copy
    assert len(tries) == 3


def test_several_that_want_a_file_at_once_fetch_it_once(cache):
    tries = []

    def download(target: Path) -> None:
        tries.append(target)
        time.sleep(0.3)
        target.write_bytes(b"12345")

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(fetched, "s3://a/b.tar", "1", 5, download) for _ in range(4)]
        found = {job.result() for job in jobs}
    assert len(tries) == len(found) == 1


def test_what_cannot_be_had_is_a_sentence_and_leaves_nothing(cache):
    def fail(target: Path) -> None:
        target.write_bytes(b"12")
        raise ConnectionError("reset by peer")

    with pytest.raises(MaskwrightError, match="in 3 tries: reset by peer"):
        fetched("s3://a/b.tar", "1", 5, fail)
    with pytest.raises(MaskwrightError, match="has 2 bytes and not the 5"):
        fetched("s3://a/b.tar", "1", 5, lambda target: target.write_bytes(b"12") and None)
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(MaskwrightError, match="No space left on device"):
        fetched("s3://a/b.tar", "1", 5, Mock(side_effect=full))
    assert copies(cache) == []


def test_a_set_larger_than_its_room_says_what_to_do(bucket, monkeypatch):
    address, _ = bucket
    monkeypatch.setenv("MASKWRIGHT_REMOTE_CACHE", "1e-6")
    note = open_source(address).notes[1]
    assert "--sample blocks" in note
    monkeypatch.delenv("MASKWRIGHT_REMOTE_CACHE")
    assert not any("blocks" in note for note in open_source(address).notes)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://bucket/set/photos-{000..009}.tar", "There is no file at 'memory://bucket"),
        ("memory://bucket/none/*.tar", "No shard matches"),
        ("memory://bucket/set/photos.zip", "of addresses only plain .tar files"),
        ("memory://bucket/set/photos-{a..}.tar", "is no range of shards"),
        ("s4://bucket/photos-{000..001}.tar", "Protocol not known: s4"),
        ("http://127.0.0.1:9/photos-{000..001}.tar", "nobody answers there|maskwright.remote"),
    ],
)
def test_wrong_addresses_are_told(bucket, address, message):
    with pytest.raises(MaskwrightError, match=message):
        open_source(address)


def test_a_missing_package_is_named(monkeypatch):
    def without(url: str):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", without)
    with pytest.raises(MaskwrightError, match=r"Install s3fs.*pip install 'maskwright\[remote\]'"):
        open_source("s3://bucket/photos-{000..001}.tar")


@pytest.mark.parametrize("size", ["0", "much", "-3", "nan"])
def test_a_size_that_is_none(tmp_path, monkeypatch, size):
    monkeypatch.setenv("MASKWRIGHT_REMOTE_CACHE", size)
    with pytest.raises(MaskwrightError, match=f"a size in GB, for example 50; got '{size}'"):
        make_room(tmp_path, 1)
