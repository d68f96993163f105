"""One range of values for all files of a source, and every page of a file: the same picture gives
the same pixels in any form.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from maskwright.data.maps.originals import Original
from maskwright.data.maps.supplied_maps import SuppliedForeground
from maskwright.data.packing import pack
from maskwright.data.pixels.decode import UnreadableImage, decode_picture
from maskwright.data.pixels.value_range import ValueRange, ValueRanges
from maskwright.data.sources.open import open_source, open_together, value_range_of
from maskwright.data.sources.reading import Reading, read_as
from maskwright.support.errors import MaskwrightError

RAMP = np.linspace(0, 255, 12 * 16).round().astype(np.uint8).reshape(12, 16)
TWELVE = ValueRanges.parse("0,4095")


def to_bits(pixels: np.ndarray, top: int = 4095) -> np.ndarray:
    """8-bit pixels as values from 0 to `top`."""
    return np.rint(pixels / 255 * top).astype(np.uint16)


def tiff(values: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)  # type: ignore[arg-type]
    return file.getvalue()


def png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def write_ramps(folder: Path, top: int, count: int = 4) -> Path:
    folder.mkdir()
    for at in range(count):
        Image.fromarray(to_bits(RAMP, top)).save(folder / f"{at}.png")
    return folder


@settings(max_examples=15, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(2, 9)), elements=st.integers(0, 255))
)
def test_one_gray_picture_in_any_form_gives_the_same_pixels(pixels: np.ndarray) -> None:
    deep = to_bits(pixels)
    forms = {
        "8 bits": png(pixels),
        "12 bits in 16": png(deep),
        "big-endian": tiff(deep, byteorder=">"),
        "deflated": tiff(deep, compression="zlib"),
        "int32": tiff(deep.astype(np.int32)),
        "uint32": tiff(deep.astype(np.uint32)),
        "int16": tiff(deep.astype(np.int16)),
        "float": tiff(deep.astype(np.float32)),
    }
    for name, data in forms.items():
        read = decode_picture(data, name, values=TWELVE)
        assert np.array_equal(read[:, :, 0], pixels), name


@settings(max_examples=10, deadline=None)
@given(arrays(np.uint8, (5, 7, 3), elements=st.integers(0, 255)))
def test_sixteen_bit_color_keeps_every_bit(pixels: np.ndarray) -> None:
    deep = to_bits(pixels)
    forms = {
        "png": png(deep[:, :, ::-1]),
        "raw": tiff(deep, photometric="rgb"),
        "big-endian": tiff(deep, photometric="rgb", byteorder=">"),
        "deflated": tiff(deep, photometric="rgb", compression="zlib"),
        "strips": tiff(deep, photometric="rgb", rowsperstrip=2),
    }
    for name, data in forms.items():
        assert np.array_equal(decode_picture(data, name, values=TWELVE), pixels), name


def test_sixteen_bit_alpha_lies_on_white() -> None:
    color = np.zeros((4, 6, 4), np.uint16)
    color[:, 3:, 3] = 65535
    read = decode_picture(png(color), "a", values=TWELVE)
    assert (read[:, :3] == 255).all()
    assert (read[:, 3:] == 0).all()


def test_planes_of_sixteen_bits_are_refused_and_not_read_as_noise() -> None:
    planes = np.stack([to_bits(RAMP, 65535)] * 3)
    data = tiff(planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(UnreadableImage, match="cannot be read whole"):
        decode_picture(data, "a")


def test_signed_bytes_are_read_as_signed() -> None:
    values = np.linspace(-128, 127, 64).astype(np.int8).reshape(8, 8)
    read = decode_picture(tiff(values), "a", values=ValueRanges.parse("-128,127"))
    assert np.array_equal(read[:, :, 0], (values.astype(int) + 128).astype(np.uint8))


def test_a_folder_of_twelve_bits_keeps_its_levels_and_says_so(tmp_path: Path) -> None:
    source = open_source(str(write_ramps(tmp_path / "cam", 4095)))
    assert np.array_equal(source.read(0)[:, :, 0], RAMP)
    assert "0 is read as black and 4095 as white" in " ".join(source.notes)
    assert value_range_of(source) == "integers=0,4095,strict"


def test_a_dark_float_file_stays_darker_than_its_neighbors(tmp_path: Path) -> None:
    folder = tmp_path / "floats"
    folder.mkdir()
    (folder / "bright.tif").write_bytes(tiff(RAMP.astype(np.float32)))
    (folder / "dark.tif").write_bytes(tiff(RAMP.astype(np.float32) / 255))
    source = open_source(str(folder))
    assert source.read(0).max() == 255
    assert source.read(1).max() == 1


def test_arrays_and_pictures_share_one_range(tmp_path: Path) -> None:
    folder = write_ramps(tmp_path / "mixed", 4095)
    np.save(folder / "low.npy", to_bits(RAMP, 4095) // 32)
    source = open_source(str(folder))
    low = source.read([source.key(at) for at in range(len(source))].index("low.npy"))
    assert low.max() == round(4095 // 32 / 4095 * 255)


def test_both_splits_share_one_range(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for split, top in (("train", 4095), ("test", 900)):
        write_ramps(tmp_path / "d" / split, top)
    test = open_source(str(tmp_path / "d"), split="test")
    assert test.read(0).max() == round(900 / 4095 * 255)


def test_hounsfield_units_need_a_range_and_are_cut_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "ct"
    folder.mkdir()
    values = np.array([[-2000, -1000], [-300, 3000]], np.int16)
    (folder / "a.tif").write_bytes(tiff(values))
    with pytest.raises(MaskwrightError, match=r"--value-range LOW,HIGH"):
        open_source(str(folder))
    source = open_source(str(folder), reading=Reading(value_range="-1000,400"))
    assert source.read(0)[:, :, 0].tolist() == [[0, 0], [128, 255]]
    array = open_source(values[None], reading=Reading(value_range="-1000,400"))
    assert array.read(0)[:, :, 0].tolist() == [[0, 0], [128, 255]]


def test_a_file_beyond_the_measured_range_is_unreadable_and_says_what_to_do() -> None:
    with pytest.raises(UnreadableImage, match="--value-range"):
        decode_picture(
            png(to_bits(RAMP, 9000)), "a", values=ValueRanges(integers=ValueRange(0, 4095))
        )


def test_the_range_is_part_of_the_store(tmp_path: Path) -> None:
    folder = str(write_ramps(tmp_path / "cam", 4095))
    measured = pack(open_source(folder), short_side=12, channels=1)
    stated = pack(
        open_source(folder, reading=Reading(value_range="0,8190")), short_side=12, channels=1
    )
    assert measured.image(0).max() == 255
    assert stated.image(0).max() == 128
    assert (measured.value_range, stated.value_range) == (
        "integers=0,4095,strict",
        "integers=0,8190;floats=0,8190",
    )


def test_a_kept_range_gives_the_same_data_again(tmp_path: Path) -> None:
    first = open_source(str(write_ramps(tmp_path / "cam", 4095)))
    again = open_source(str(tmp_path / "cam"), reading=Reading(value_range=value_range_of(first)))
    assert again.fingerprint == first.fingerprint


def test_eight_bit_files_are_not_touched_by_a_range(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    Image.fromarray(RAMP).save(tmp_path / "p" / "a.png")
    plain = open_source(str(tmp_path / "p"))
    stated = open_source(str(tmp_path / "p"), reading=Reading(value_range="0,10"))
    assert np.array_equal(stated.read(0), plain.read(0))
    assert stated.fingerprint == plain.fingerprint
    assert "has no effect" in " ".join(stated.notes)


def test_pictures_named_one_by_one_share_one_range(tmp_path: Path) -> None:
    bright = write_ramps(tmp_path / "a", 4095, 1) / "0.png"
    dark = write_ramps(tmp_path / "b", 255, 1) / "0.png"
    sources = open_together([str(bright), str(dark)])
    assert [int(source.read(0).max()) for source in sources] == [255, 16]


@pytest.mark.parametrize("text", ["", "5", "4,3", "a,b", "1,2,3", "x=1,2", "nan,1"])
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MaskwrightError, match="value range"):
        Reading(value_range=text)


def test_a_range_reads_back_what_it_writes() -> None:
    ranges = ValueRanges(integers=ValueRange(0, 4095), floats=ValueRange(-1000.5, 400, clip=True))
    assert ValueRanges.parse(str(ranges)) == ranges


def write_stacks(folder: Path) -> Path:
    folder.mkdir()
    for at in range(3):
        pages = [
            Image.fromarray(np.full((6, 8), 40 * page + at, np.uint8)) for page in range(at + 1)
        ]
        pages[0].save(folder / f"{at}.tif", save_all=True, append_images=pages[1:])
    return folder


def test_pages_that_are_not_read_are_told(tmp_path: Path) -> None:
    source = open_source(str(write_stacks(tmp_path / "s")))
    assert len(source) == 3
    assert "2 of the 3 files looked at hold more than one page" in " ".join(source.notes)


def test_every_page_can_be_a_picture(tmp_path: Path) -> None:
    source = open_source(str(write_stacks(tmp_path / "s")), reading=Reading(pages="all"))
    keys = [source.key(at) for at in range(len(source))]
    assert keys == ["0.tif", "1.tif", "1#page2.tif", "2.tif", "2#page2.tif", "2#page3.tif"]
    assert [int(source.read(at).mean()) for at in range(6)] == [0, 1, 41, 2, 42, 82]
    assert source.size(5) == (6, 8)
    assert source.fingerprint != open_source(str(tmp_path / "s")).fingerprint


def test_every_page_has_the_label_of_its_file(tmp_path: Path) -> None:
    write_stacks(tmp_path / "s")
    (tmp_path / "l.csv").write_text("file,label\n0.tif,a\n1.tif,b\n2.tif,c\n")
    source = open_source(
        str(tmp_path / "s"), labels=str(tmp_path / "l.csv"), reading=Reading(pages="all")
    )
    assert source.labels == [0, 1, 1, 2, 2, 2]


def test_pages_of_an_array_are_refused() -> None:
    with pytest.raises(MaskwrightError, match="--pages all"):
        open_source(np.zeros((2, 6, 6), np.uint8), reading=Reading(pages="all"))


def test_transparency_and_printers_colors_are_told(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (1, 2, 3, 0)).save(tmp_path / "a.png")
    Image.new("CMYK", (4, 4)).save(tmp_path / "b.jpg")
    notes = " ".join(open_source(str(tmp_path)).notes)
    assert "1 of the 2 files looked at are transparent" in notes
    assert "1 of the 2 files looked at are in CMYK" in notes


def test_files_of_other_formats_are_counted_by_their_endings(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    for name in ("a.HEIC", "b.heic", "c.mp4", "notes.txt", "README"):
        (tmp_path / name).write_bytes(b"x")
    notes = " ".join(open_source(str(tmp_path)).notes)
    assert "Not read: 2 .heic, 1 .mp4;" in notes


def test_a_tiff_of_ten_bands_is_called_so(capfd: pytest.CaptureFixture[str]) -> None:
    data = tiff(np.zeros((6, 7, 10), np.uint16), photometric="minisblack", planarconfig="contig")
    with pytest.raises(UnreadableImage, match="a TIFF with 10 bands of 16 bits"):
        decode_picture(data, "a")
    assert capfd.readouterr().err == ""


def test_what_libtiff_complains_of_is_the_reason_of_its_file(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    whole = tiff(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8), compression="zlib")
    damaged = whole[:-3000] + bytes(2000) + whole[-1000:]
    (tmp_path / "good.tif").write_bytes(whole)
    (tmp_path / "torn.tif").write_bytes(damaged)
    source = open_source(str(tmp_path))
    store = pack(source, short_side=64, channels=1)
    assert [item.key for item in store.skipped] == ["torn.tif"]
    assert "libtiff" in store.skipped[0].reason
    assert capfd.readouterr().err == ""


def test_reading_keeps_the_labels_of_a_source(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_ramps(tmp_path / name, 4095, 2)
    source = open_source(str(tmp_path))
    assert dataclasses.replace(source).labels == [0, 0, 1, 1]  # type: ignore[type-var]
    assert read_as(source, Reading()).labels == [0, 0, 1, 1]  # type: ignore[arg-type]


def test_a_soft_mask_of_sixteen_bits_is_not_cut_at_255(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "m").mkdir()
    Image.fromarray(RAMP).save(tmp_path / "p" / "a.png")
    Image.fromarray(to_bits(RAMP, 65535)).save(tmp_path / "m" / "a.png")
    original = Original(open_source(str(tmp_path / "p")), 0, None, RAMP.shape)
    drawn = SuppliedForeground(file=str(tmp_path / "m")).draw([original])[0]
    assert np.array_equal(drawn, RAMP)
