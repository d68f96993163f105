"""Label maps become classes: by number, by color or as a mask, and what does not fit is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskwright.data.maps.class_table import IGNORED, ClassTable, read_class_table, table_of_values
from maskwright.data.maps.label_maps import LabelMaps, find_table, patch_shares
from maskwright.data.maps.picture_maps import CutMaps, open_map_source
from maskwright.data.maps.value_maps import ValueMaps
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError

TABLE = "id,name,color\n3,wall,#ff0000\n7,door,#00ff00\n"


@pytest.fixture
def store(tmp_path: Path) -> PackedStore:
    """Three pictures of 8 x 8, named a, b and c."""
    for name in "abc":
        place = tmp_path / "photos" / f"{name}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), ord(name), np.uint8)).save(place)
    return pack(open_source(tmp_path / "photos"), short_side=8, channels=3)


def save(folder: Path, name: str, values: object) -> None:
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.array(values, dtype=np.uint8)).save(folder / f"{name}.png")


def labels_in(folder: Path, store: PackedStore, ignored: int | None = 255) -> LabelMaps:
    source = open_map_source(str(folder), store)
    cut = CutMaps(store, source, (8, 8))
    return LabelMaps(cut, find_table(source, cut, "", ignored), ignored)


def test_numbers_and_colors_name_the_same_classes(tmp_path: Path, store: PackedStore) -> None:
    numbers, colors = tmp_path / "numbers", tmp_path / "colors"
    plan = np.repeat(np.array([[3, 7]]), 8, axis=0).repeat(4, axis=1)
    save(numbers, "a", plan)
    save(colors, "a", np.where(plan[..., None] == 3, (255, 0, 0), (0, 255, 0)))
    for folder in (numbers, colors):
        (folder / "classes.csv").write_text(TABLE)
        read = labels_in(folder, store).read(0)
        assert read is not None
        assert (read == np.where(plan == 3, 0, 1)).all()


def test_maps_of_another_resolution_are_cut_as_the_picture_is(
    tmp_path: Path, store: PackedStore
) -> None:
    wide = tmp_path / "wide"
    Image.fromarray(np.zeros((8, 16, 3), np.uint8)).save(tmp_path / "photos" / "d.png")
    wider = pack(open_source(tmp_path / "photos"), short_side=8, channels=3)
    save(wide, "d", np.arange(64)[None].repeat(32, 0) // 16)
    labels = labels_in(wide, wider)
    read = labels.read(3)
    assert read is not None
    # four times the picture's resolution; the middle half is what the model sees
    assert read.shape == (32, 32)
    assert labels.table.numbers == (1, 2)
    assert set(np.unique(read)) == {0, 1}


def test_what_does_not_fit_is_left_out_counted_and_named(
    tmp_path: Path, store: PackedStore
) -> None:
    folder = tmp_path / "maps"
    save(folder, "a", np.zeros((8, 16)))
    save(folder, "b", [[3, 9], [7, 255]])
    (folder / "classes.csv").write_text(TABLE)
    labels = labels_in(folder, store)
    assert [labels.read(index) is None for index in range(3)] == [True, False, True]
    said = "\n".join(labels.notes())
    assert "1 of 3 pictures have a map of another shape and are left out: a.png" in said
    assert "1 of 3 pictures have no map and are left out: c.png" in said
    assert "1 pixels in 1 label maps have values" in said
    assert "most often 9, first in b.png" in said


def test_unknown_colors_are_counted_and_ignored(tmp_path: Path, store: PackedStore) -> None:
    folder = tmp_path / "maps"
    save(folder, "a", [[(255, 0, 0), (1, 2, 3)], [(0, 255, 0), (1, 2, 3)]])
    (folder / "classes.csv").write_text(TABLE)
    labels = labels_in(folder, store)
    read = labels.read(0)
    assert read is not None
    assert read.tolist() == [[0, IGNORED], [1, IGNORED]]
    assert "2 pixels in 1 label maps" in labels.notes()[0]
    assert "#010203" in labels.notes()[0]


def test_colored_maps_without_colors_are_refused_in_a_sentence(
    tmp_path: Path, store: PackedStore
) -> None:
    folder = tmp_path / "maps"
    save(folder, "a", np.zeros((8, 8, 3)))
    with pytest.raises(MaskwrightError, match=r"a class table is needed: classes=FILE\.csv"):
        labels_in(folder, store)
    (folder / "classes.csv").write_text("id,name\n0,a\n1,b\n")
    with pytest.raises(MaskwrightError, match="class table has no colors"):
        labels_in(folder, store).read(0)


def test_black_and_white_alone_are_a_mask_and_other_numbers_stand_for_themselves() -> None:
    assert table_of_values({0, 255}, 255).names == ("background", "foreground")
    assert table_of_values({0, 4, 2, 255}, 255).numbers == (0, 2, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nwall\n", "cannot be read"),
        ("id,name,color\n1,a,red\n2,b,#00ff00\n", "cannot be read"),
        ("id,name,color\n1,a,\n2,b,#00ff00\n", "a color to 1 of 2 classes"),
        ("id,name\n1,a\n1,b\n", "one number to several classes"),
        ("id,name\n1,a\n", "2 to 255 classes; got 1"),
    ],
)
def test_a_class_table_that_cannot_be_used_says_why(text: str, said: str) -> None:
    with pytest.raises(MaskwrightError, match=said):
        read_class_table(text, "classes.csv")


def test_shares_of_patches_count_pixels_and_leave_out_what_is_ignored() -> None:
    classes = np.array([[0, 0, 1, IGNORED], [0, 1, 1, IGNORED]])
    shares = patch_shares(classes, (1, 2), 2)
    assert shares.tolist() == [[0.75, 0.25], [0.0, 0.5]]
    assert ClassTable((1, 2, 255), ("a", "b", "void")).without(255).names == ("a", "b")


def test_values_are_averaged_over_what_is_known(tmp_path: Path, store: PackedStore) -> None:
    folder = tmp_path / "depth"
    save(folder, "a", [[10, 30, 0, 0], [20, 0, 0, 0]] * 2)
    maps = ValueMaps(CutMaps(store, open_map_source(str(folder), store), (8, 8)), missing=0)
    means = maps.means(0, (1, 2))
    assert means is not None
    assert means[0, 0] == 20
    assert np.isnan(means[1, 0])
    assert torch.isnan(torch.from_numpy(means)).sum() == 1


def test_no_place_of_maps_is_a_sentence(store: PackedStore) -> None:
    with pytest.raises(MaskwrightError, match="Which maps are the truth"):
        open_map_source("", store)
    with pytest.raises(MaskwrightError, match=r"There are no maps at 'nowhere\.zip'"):
        open_map_source("nowhere.zip", store)
