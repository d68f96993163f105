"""An archive that was cut is refused, wherever it was cut; several pictures of one
sample are reported.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.data.sources.archives import open_archive
from maskwright.data.sources.shards import open_shards
from maskwright.support.errors import MaskwrightError


def write_tar(path: Path, names: list[str], mode: str = "w") -> list[int]:
    """Write pictures and texts; return where each member's header begins."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name in names:
            file = io.BytesIO()
            if name.endswith("png"):
                Image.fromarray(np.zeros((4, 4), np.uint8)).save(file, "PNG")
            else:
                file.write(b"1")
            member = tarfile.TarInfo(name)
            member.size = file.tell()
            file.seek(0)
            archive.addfile(member, file)
        return [member.offset for member in archive.getmembers()]


NAMES = ["0.png", "0.cls", "1.png", "1.cls", "2.png", "2.cls"]


@pytest.mark.parametrize("beyond", [0, 1, 100, 511])
def test_a_cut_at_or_inside_a_header_is_refused(tmp_path: Path, beyond: int) -> None:
    headers = write_tar(tmp_path / "s-0.tar", NAMES)
    whole = (tmp_path / "s-0.tar").read_bytes()
    assert len(open_archive(tmp_path / "s-0.tar")) == 3
    (tmp_path / "s-0.tar").write_bytes(whole[: headers[3] + beyond])
    with pytest.raises(MaskwrightError, match="mark of an archive's end"):
        open_archive(tmp_path / "s-0.tar")
    with pytest.raises(MaskwrightError, match="mark of an archive's end"):
        open_shards(str(tmp_path / "s-{0..0}.tar"))


def test_a_spoiled_header_is_refused(tmp_path: Path) -> None:
    headers = write_tar(tmp_path / "a.tar", NAMES)
    data = bytearray((tmp_path / "a.tar").read_bytes())
    data[headers[2] : headers[2] + 200] = b"\x07" * 200
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(MaskwrightError, match="mark of an archive's end"):
        open_archive(tmp_path / "a.tar")


def test_archives_glued_together_are_refused(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", NAMES)
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(data + data)
    with pytest.raises(MaskwrightError, match="ignore-zeros"):
        open_archive(tmp_path / "a.tar")


def test_a_packed_archive_that_is_whole_is_read(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar.gz", NAMES, "w:gz")
    assert len(open_archive(tmp_path / "a.tar.gz")) == 3


def test_samples_of_several_pictures_are_told(tmp_path: Path) -> None:
    write_tar(tmp_path / "s-0.tar", ["0.png", "0.seg.png", "1.png"])
    told = "1 of 2 samples hold several pictures, such as"
    assert told in " ".join(open_archive(tmp_path / "s-0.tar").notes)
    assert told in " ".join(open_shards(str(tmp_path / "s-{0..0}.tar")).notes)
