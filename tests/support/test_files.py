"""A failed write leaves the old file whole and nothing behind."""

from __future__ import annotations

import errno
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
