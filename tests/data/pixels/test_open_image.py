"""Whatever a file is named, no other program is started to read it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from maskwright.data.pixels.decode import UnreadableImage, decode_picture, picture_size
from maskwright.data.pixels.open_image import open_image
from maskwright.workflows.building.painted import read_painted


@pytest.fixture
def page_description(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An EPS file; the test fails where Pillow hands it to Ghostscript."""

    def started(*words: object, **named: object) -> None:
        pytest.fail("another program was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "EPS")
    return buffer.getvalue()


def test_a_page_description_is_unreadable_under_any_name(page_description: bytes) -> None:
    with pytest.raises(UnreadableImage, match="EPS is a program that draws"):
        decode_picture(page_description, "cat.png")
    with pytest.raises(UnreadableImage, match="save the picture as PNG"):
        picture_size(page_description, "cat.png")


def test_nor_is_it_read_as_a_mask(page_description: bytes, tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(page_description)
    with pytest.raises(OSError, match="EPS is a program"):
        read_painted(tmp_path / "mask.png")


def test_pictures_open_as_with_pillow(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 7).save(tmp_path / "gray.png")
    with open_image(tmp_path / "gray.png") as opened:
        assert (opened.size, opened.getpixel((0, 0))) == ((3, 2), 7)
