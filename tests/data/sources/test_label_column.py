"""Labels in a column: what is no class is no class, contradictions are named, and other columns are
said to be other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import draw_pictures

from maskwright.data.sources.label_column import number_labels, read_column
from maskwright.data.sources.open import open_source

NAMES = [f"{at}.png" for at in range(10)]


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    place = tmp_path / "loose"
    place.mkdir()
    for name, picture in zip(NAMES, draw_pictures(10), strict=True):
        Image.fromarray(picture).save(place / name)
    return place


def csv_of(place: Path, labels: list[str], *more: str) -> str:
    rows = [f"{name},{label}" for name, label in zip(NAMES, labels, strict=True)]
    (place.parent / "l.csv").write_text("\n".join(["file,label", *rows, *more]))
    return str(place.parent / "l.csv")


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "<NA>"])
def test_a_missing_value_is_no_class(loose: Path, empty: str) -> None:
    source = open_source(loose, labels=csv_of(loose, ["a", "b", empty, "a", "b"] * 2))
    assert source.classes == ["a", "b"]
    assert source.labels == [0, 1, -1, 0, 1] * 2
    assert any("no label for 2 of 10 pictures" in note for note in source.notes)


def test_missing_labels_of_an_array_are_no_class() -> None:
    assert number_labels(["2", "nan", "10"]) == ([0, -1, 1], ["2", "10"])
    images = np.zeros((3, 4, 4, 3), np.uint8)
    file = {"images": images, "labels": np.array(["x", "", "y"])}
    assert number_labels(file["labels"].tolist())[0] == [0, -1, 1]


def test_none_and_na_may_be_classes() -> None:
    assert read_column(NAMES, ["none", "NA"] * 5, "l.csv").classes == ["NA", "none"]


def test_a_picture_with_two_labels_is_named_and_left_out(loose: Path) -> None:
    labels = csv_of(loose, ["a", "b"] * 5, "0.png,b", "3.png,b", "4.png,c")
    source = open_source(loose, labels=labels)
    assert source.labels == [-1, 1, 0, 1, -1, 1, 0, 1, 0, 1]
    told = " ".join(source.notes)
    assert "2 pictures more than once with different labels" in told
    assert "0.png as 'a' and as 'b'" in told
    assert "3.png" not in told, "it was repeated with the same label"


def test_a_list_that_contradicts_itself_keeps_the_pictures_and_no_label(loose: Path) -> None:
    rows = [f"loose/{name},{'ab'[at % 2]}" for at, name in enumerate(NAMES)]
    (loose.parent / "list.csv").write_text("\n".join(["file,label", *rows, "loose/0.png,b"]))
    source = open_source(loose.parent / "list.csv")
    assert len(source) == 11
    assert source.labels is not None
    assert (source.labels[0], source.labels[10], source.labels[1]) == (-1, -1, 1)
    assert any("loose/0.png as 'a' and as 'b'" in note for note in source.notes)


@pytest.mark.parametrize("mark", ["|", ";", " | "])
def test_several_labels_in_a_cell_are_no_classes(mark: str) -> None:
    column = read_column(NAMES, ["a", f"b{mark}d", "b", "c", "a"] * 2, "l.csv")
    assert (column.numbers, column.classes) == (None, None)
    assert "several labels in one cell for 2 of 10 pictures" in column.notes[-1]
    assert f"'b{mark}d' for '1.png'" in column.notes[-1]


def test_a_name_with_a_bar_in_it_is_a_class() -> None:
    assert read_column(NAMES, ["a|x", "c"] * 5, "l.csv").classes == ["a|x", "c"]


def test_measurements_are_no_classes() -> None:
    column = read_column(NAMES, [f"{at * 1.37:.3f}" for at in range(10)], "l.csv")
    assert column.numbers is None
    assert "10 different numbers as labels of 10 pictures: measurements" in column.notes[-1]


@pytest.mark.parametrize("cells", [["0", "1"] * 5, list("aabbccddee"), list("abcdefghij")])
def test_few_numbers_and_any_words_are_classes(cells: list[str]) -> None:
    assert read_column(NAMES, cells, "l.csv").classes == sorted(set(cells))


def test_labels_that_are_none_leave_the_pictures_to_train_on(loose: Path) -> None:
    source = open_source(loose, labels=csv_of(loose, [f"{at / 7}" for at in range(10)]))
    assert (len(source), source.labels, source.classes) == (10, None, None)
    source = open_source(loose, labels=csv_of(loose, [""] * 10))
    assert source.labels is None
    assert "no label for any of 10 pictures" in source.notes[-1]
