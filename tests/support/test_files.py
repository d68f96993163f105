"""A failed write leaves the old file whole and nothing behind."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings, read_json, write_atomic, write_json, write_text


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "run.json", {"loss": [1, 2.5], "name": "Fassade"})
    assert read_json(tmp_path / "new" / "run.json") == {"loss": [1, 2.5], "name": "Fassade"}
    assert (tmp_path / "new" / "run.json").read_text().endswith("}\n")


def fill_disk(temporary: Path) -> None:
    temporary.write_text("half of")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_keeps_the_old_file_and_says_so(tmp_path: Path) -> None:
    write_text(tmp_path / "last.ckpt", "good")
    with pytest.raises(
        MaskwrightError, match=r"No space left on device.*earlier last\.ckpt is intact"
    ):
        write_atomic(tmp_path / "last.ckpt", fill_disk)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["good"]


def test_a_first_write_that_fails_promises_no_earlier_file(tmp_path: Path) -> None:
    with pytest.raises(MaskwrightError) as raised:
        write_atomic(tmp_path / "last.ckpt", fill_disk)
    assert "intact" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_another_error_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_text("half of")
        raise KeyError("weights")

    with pytest.raises(KeyError):
        write_atomic(tmp_path / "last.ckpt", fail)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", [None, "{broken", ""])
def test_a_file_that_is_no_json_is_named(tmp_path: Path, text) -> None:
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MaskwrightError, match=r"run\.json as JSON"):
        read_json(path)


def test_a_hash_depends_on_the_parts_and_their_order() -> None:
    hashes = {hash_strings(parts) for parts in ([], ["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""])}
    assert len(hashes) == 5
    assert hash_strings(["a", "b"]) == hash_strings(iter(["a", "b"]))
    assert len(hash_strings(["\udcff"])) == 16


def test_threads_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    """Each begins before any has ended, so that they share whatever could be shared."""
    together, failures = threading.Barrier(8), []

    def save(number: int) -> None:
        def write(temporary: Path) -> None:
            temporary.write_text(str(number) * 1000)
            together.wait(10)

        try:
            write_atomic(tmp_path / "last.ckpt", write)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failures
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    text = (tmp_path / "last.ckpt").read_text()
    assert text == text[0] * 1000


def test_the_folder_is_synced_after_the_move(tmp_path: Path, monkeypatch) -> None:
    synced = []
    real = os.fsync

    def record(handle: int) -> None:
        synced.append((os.path.realpath(f"/proc/self/fd/{handle}"), (tmp_path / "a").exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", record)
    write_text(tmp_path / "a", "x")
    assert synced[-1] == (str(tmp_path), True)


def test_a_refused_file_of_the_cache_names_the_variable(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MaskwrightError, match="Set MASKWRIGHT_CACHE to a folder"):
        write_atomic(tmp_path / "cache" / "shards" / "a.npz", fill_disk)
    with pytest.raises(MaskwrightError, match="choose --out"):
        write_atomic(tmp_path / "run" / "a.npz", fill_disk)
