"""Arrays of any layout and number type become (H, W, C) bytes by rules that its notes state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage
from maskwright.data.sources.arrays import build_array_source, number_labels
from maskwright.data.sources.open import open_source
from maskwright.support.errors import MaskwrightError

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 10, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4, 12])
def test_both_channel_orders_give_the_same_pictures(channels: int) -> None:
    last = np.random.default_rng(1).integers(0, 256, (3, 40, 48, channels), dtype=np.uint8)
    first = np.ascontiguousarray(np.moveaxis(last, 3, 1))
    for array in (last, first):
        assert np.array_equal(build_array_source(array, "x").read(1), last[1])


def test_a_layout_that_could_be_either_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="does not tell where the channels are"):
        build_array_source(np.zeros((5, 3, 8, 3), dtype=np.uint8), "x")


def test_gray_arrays_need_no_channel_axis() -> None:
    assert build_array_source(PIXELS[..., 0], "x").read(0).shape == (8, 10, 1)


def test_one_color_picture_is_not_taken_for_many_gray_ones() -> None:
    with pytest.raises(MaskwrightError, match=r"array\[None\]"):
        build_array_source(PIXELS[0], "x")


def test_an_empty_array_is_refused() -> None:
    with pytest.raises(MaskwrightError, match=r"shape \(0, 8, 8, 3\)"):
        build_array_source(np.zeros((0, 8, 8, 3)), "x")


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (PIXELS.astype(np.float32) / 255, "0 to 1"),
        (PIXELS.astype(np.float64), "0 to 255"),
        (PIXELS.astype(np.float32) / 127.5 - 1, "-1 to 1"),
        (PIXELS.astype(np.uint16) * 257, "0 to 65535"),
        (PIXELS.astype(np.int64), "0 to 255"),
    ],
)
def test_every_number_type_gives_the_same_bytes_and_says_how(array: np.ndarray, told: str) -> None:
    source = build_array_source(array, "x")
    assert np.array_equal(source.read(3), PIXELS[3])
    assert f"read as {told} " in source.notes[0]


def test_twelve_bit_values_use_their_own_white() -> None:
    values = np.full((2, 8, 8), 4095, dtype=np.uint16)
    values[0, 0, 0] = 0
    assert build_array_source(values, "x").read(1).min() == 255


def test_booleans_are_black_and_white() -> None:
    values = np.zeros((2, 8, 8), dtype=bool)
    values[1] = True
    assert build_array_source(values, "x").read(1).min() == 255


def test_values_without_a_known_range_are_refused() -> None:
    with pytest.raises(MaskwrightError, match="run from -5 to 900"):
        build_array_source(np.linspace(-5, 900, 128).reshape(2, 8, 8), "x")


def test_nan_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="NaN"):
        build_array_source(np.full((2, 8, 8), np.nan), "x")


def test_channels_are_converted_on_reading() -> None:
    source = build_array_source(PIXELS, "x")
    gray = source.read(0, DecodeOptions(channels=1))
    assert gray.shape == (8, 10, 1)
    assert gray[0, 0, 0] == round(float(PIXELS[0, 0, 0] @ np.array([0.299, 0.587, 0.114])))
    assert (source.read(0, DecodeOptions(channels=4))[..., 3] == 255).all()


def test_channels_that_cannot_be_had_are_a_reason() -> None:
    source = build_array_source(np.zeros((2, 64, 64, 12), dtype=np.uint8), "x")
    with pytest.raises(UnreadableImage, match="12 channels and 3 are wanted"):
        source.read(0, DecodeOptions(channels=3))


def test_many_channels_shrink_each_alone() -> None:
    source = build_array_source(np.full((1, 64, 96, 12), 9, dtype=np.uint8), "x")
    assert (source.read(0, DecodeOptions(short_side=32)) == 9).all()
    assert source.read(0, DecodeOptions(short_side=32)).shape == (32, 48, 12)


def test_a_npy_file_is_opened_in_place(tmp_path: Path) -> None:
    np.save(tmp_path / "Tiny Set.npy", PIXELS)
    source = open_source(tmp_path / "Tiny Set.npy")
    assert len(source) == 5
    assert source.name == "tiny-set"
    assert np.array_equal(source.read(4), PIXELS[4])


def test_a_npz_file_brings_its_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=PIXELS, labels=np.array([[7], [9], [7], [9], [11]]))
    source = open_source(tmp_path / "x.npz")
    assert source.labels == [0, 1, 0, 1, 2]
    assert source.classes == ["7", "9", "11"]


def test_the_only_array_of_pictures_in_a_npz_needs_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", whatever=PIXELS)
    assert len(open_source(tmp_path / "x.npz")) == 5


@pytest.mark.parametrize("names", [("test_images", "test_labels"), ("x_test", "y_test")])
def test_a_npz_file_can_have_splits(tmp_path: Path, names: tuple[str, str]) -> None:
    train = [name.replace("test", "train") for name in names]
    np.savez(
        tmp_path / "x.npz",
        **{names[0]: PIXELS[:2], names[1]: [1, 0], train[0]: PIXELS[2:], train[1]: [0, 1, 2]},
    )
    source = open_source(tmp_path / "x.npz", split="test")
    assert source.labels == [1, 0]
    assert np.array_equal(source.read(1), PIXELS[1])
    assert source.splits == ("train", "test")


def test_a_npz_file_without_pictures_lists_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", weights=np.zeros(3))
    with pytest.raises(MaskwrightError, match=r"it holds weights \(3,\)"):
        open_source(tmp_path / "x.npz")


def test_labels_of_another_length_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=PIXELS, labels=np.arange(4))
    with pytest.raises(MaskwrightError, match="5 pictures and 4 labels"):
        open_source(tmp_path / "x.npz")


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_broken_array_file_gets_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(MaskwrightError, match="Cannot read the arrays"):
        open_source(tmp_path / name)


def test_numeric_labels_are_ordered_as_numbers() -> None:
    assert number_labels(["10", "9", "10"]) == ([1, 0, 1], ["9", "10"])


def test_a_changed_row_changes_the_fingerprint() -> None:
    changed = PIXELS.copy()
    changed[2, 0, 0, 0] ^= 1
    assert (
        build_array_source(PIXELS, "x").fingerprint != build_array_source(changed, "x").fingerprint
    )


def test_a_folder_of_npy_files_shares_one_range(tmp_path: Path) -> None:
    for at, top in enumerate((0.5, 1.0)):
        np.save(tmp_path / f"{at}.npy", np.full((8, 8), top, dtype=np.float32))
    source = open_source(tmp_path)
    assert source.read(0)[0, 0].tolist() == [128]
    assert source.read(1)[0, 0].tolist() == [255]


def test_a_npy_file_that_is_no_picture_is_a_reason(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((8, 8), dtype=np.uint8))
    np.save(tmp_path / "b.npy", np.zeros(8, dtype=np.uint8))
    (tmp_path / "c.npy").write_bytes(b"text")
    source = open_source(tmp_path)
    assert source.read(0).shape == (8, 8, 1)
    for index in (1, 2):
        with pytest.raises(UnreadableImage):
            source.read(index)
