"""Every kind of awkward picture file gives honest pixels or a reason."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from maskwright.data.pixels.decode import (
    DecodeOptions,
    UnreadableImage,
    decode_picture,
    picture_size,
)

Encoded = Callable[..., bytes]


def _save(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_png_comes_back_exactly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert np.array_equal(decode_picture(_save(Image.fromarray(pixels)), "a.png"), pixels)


def test_a_gray_picture_keeps_one_channel_unless_three_are_wanted() -> None:
    gray = _save(Image.new("L", (4, 3), 77))
    assert decode_picture(gray, "a").shape == (3, 4, 1)
    color = decode_picture(gray, "a", DecodeOptions(channels=3))
    assert color.shape == (3, 4, 3)
    assert (color == 77).all()


def test_transparent_pixels_lie_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    image.putpixel((1, 0), (10, 20, 30, 0))
    assert decode_picture(_save(image), "a").tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_alpha_is_kept_when_four_channels_are_wanted() -> None:
    pixels = decode_picture(
        _save(Image.new("RGBA", (2, 2), (10, 20, 30, 40))), "a", DecodeOptions(channels=4)
    )
    assert pixels[0, 0].tolist() == [10, 20, 30, 40]


def test_gray_with_alpha_stays_gray_on_white() -> None:
    pixels = decode_picture(_save(Image.new("LA", (2, 2), (10, 0))), "a")
    assert pixels.shape == (2, 2, 1)
    assert (pixels == 255).all()


def test_a_palette_becomes_its_colors() -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    assert decode_picture(_save(image), "a")[0, 0].tolist() == [200, 100, 50]


def test_a_transparent_palette_color_becomes_white() -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    assert decode_picture(_save(image, transparency=1), "a")[0, 0].tolist() == [255, 255, 255]


def test_cmyk_becomes_rgb() -> None:
    pixels = decode_picture(_save(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), "a.jpg")
    assert pixels.shape == (8, 8, 3)
    assert pixels[0, 0, 0] > 200
    assert pixels[0, 0, 1:].max() < 60


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_to_eight(kind: str) -> None:
    values = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    assert decode_picture(_save(Image.fromarray(values), kind), "a")[0, :, 0].tolist() == [
        0,
        100,
        255,
    ]


def test_a_float_tiff_in_unit_range_is_scaled() -> None:
    values = np.array([[0, 0.5, 1]], dtype=np.float32)
    assert decode_picture(_save(Image.fromarray(values), "TIFF"), "a.tif")[0, :, 0].tolist() == [
        0,
        128,
        255,
    ]


def test_a_float_tiff_with_other_values_is_refused() -> None:
    values = np.array([[-3, 0.5, 1000]], dtype=np.float32)
    with pytest.raises(UnreadableImage, match="from -3 to 1000"):
        decode_picture(_save(Image.fromarray(values), "TIFF"), "a.tif")


def test_exif_rotation_is_applied_to_pixels_and_size() -> None:
    image = Image.new("RGB", (6, 2), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = _save(image, exif=exif)
    pixels = decode_picture(data, "a")
    assert pixels.shape == (6, 2, 3)
    assert pixels[0, 1].tolist() == [255, 255, 255]
    assert picture_size(data, "a") == (6, 2)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    pixels = decode_picture(_save(frames[0], kind, save_all=True, append_images=frames[1:]), "a")
    assert pixels[4, 4, 0] > 240
    assert pixels[4, 4, 2] < 15


def test_a_wrong_extension_does_not_matter(encoded: Encoded) -> None:
    assert decode_picture(encoded("PNG"), "really-a-png.jpg").shape == (12, 10, 3)


def test_a_truncated_jpeg_is_unreadable(encoded: Encoded) -> None:
    data = encoded("JPEG", (64, 64))
    with pytest.raises(UnreadableImage, match=r"Cannot read 'half.jpg': .*truncated"):
        decode_picture(data[: len(data) // 2], "half.jpg")


def test_a_truncated_png_is_unreadable(encoded: Encoded) -> None:
    data = encoded("PNG", (64, 64))
    with pytest.raises(UnreadableImage):
        decode_picture(data[: len(data) // 2], "half.png")


def test_an_empty_file_is_unreadable() -> None:
    with pytest.raises(UnreadableImage, match="the file is empty"):
        decode_picture(b"", "none.jpg")


def test_a_text_named_like_a_picture_is_unreadable() -> None:
    with pytest.raises(UnreadableImage, match="not a picture in a known format"):
        decode_picture(b"dear diary", "notes.jpg")


def test_a_decompression_bomb_is_unreadable(
    encoded: Encoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(UnreadableImage, match="decompression bomb"):
        decode_picture(encoded("PNG"), "huge.png")


@pytest.mark.parametrize(
    ("size", "expected"), [((40, 20), (16, 8)), ((20, 40), (8, 16)), ((6, 5), (6, 5))]
)
def test_shrinking_keeps_the_aspect_and_never_enlarges(
    encoded: Encoded, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert decode_picture(encoded("PNG", size), "a", DecodeOptions(short_side=8)).shape == (
        *expected,
        3,
    )


def test_shrinking_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (64, 32))
    pixels = decode_picture(_save(Image.fromarray(stripes)), "a", DecodeOptions(short_side=16))
    assert abs(pixels[:, 1:-1].astype(float) - 127.5).max() < 3


def test_a_large_jpeg_shrinks_to_the_same_size_and_nearly_the_same_pixels() -> None:
    smooth = np.linspace(0, 255, 400)[:, None, None] * np.ones((1, 600, 3))
    data = _save(Image.fromarray(smooth.astype(np.uint8)), "JPEG", quality=95)
    direct = np.asarray(
        Image.open(io.BytesIO(data)).resize((48, 32), Image.Resampling.BICUBIC)
    ).astype(float)
    shrunk = decode_picture(data, "a", DecodeOptions(short_side=32))
    assert shrunk.shape == (32, 48, 3)
    assert np.abs(shrunk - direct).max() < 6
