"""Lists of pictures and files of labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from maskwright.data.pixels.decode import UnreadableImage
from maskwright.data.sources.open import open_source
from maskwright.support.errors import MaskwrightError

FILES = ["pets/train/cat/0.png", "pets/train/dog/1.png", "pets/test/cat/2.png"]


def _write(folder: Path, name: str, lines: list[str]) -> Path:
    path = folder.parent / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_text_file_lists_pictures_relative_to_itself(folder: Path) -> None:
    source = open_source(_write(folder, "some.txt", [*FILES, ""]))
    assert [source.key(at) for at in range(3)] == FILES
    assert source.labels is None
    assert source.read(2).shape == (12, 10, 3)


@pytest.mark.parametrize("mark", [",", "\t", " ", ", "])
def test_a_second_column_is_the_label(folder: Path, mark: str) -> None:
    lines = [mark.join(pair) for pair in zip(FILES, ["10", "9", "10"], strict=True)]
    source = open_source(_write(folder, "some.txt", lines))
    assert source.labels == [1, 0, 1]
    assert source.classes == ["9", "10"]


def test_named_columns_may_come_in_any_order(folder: Path) -> None:
    lines = ["label,size,Image"] + [
        f"{label},3,{file}" for file, label in zip(FILES, "aba", strict=True)
    ]
    source = open_source(_write(folder, "some.csv", lines))
    assert source.key(1) == FILES[1]
    assert source.classes == ["a", "b"]


def test_a_listed_file_that_is_missing_is_a_reason(folder: Path) -> None:
    source = open_source(_write(folder, "some.txt", [FILES[0], "gone.png"]))
    with pytest.raises(UnreadableImage, match="No such file"):
        source.read(1)


def test_a_list_of_missing_files_names_the_first(folder: Path) -> None:
    with pytest.raises(
        MaskwrightError, match=r"None of the 2 files in .* exists; the first is .*a.png"
    ):
        open_source(_write(folder, "some.txt", ["a.png", "b.png"]))


def test_an_empty_list_is_refused(folder: Path) -> None:
    with pytest.raises(MaskwrightError, match="is empty"):
        open_source(_write(folder, "some.txt", [""]))


def test_a_ragged_list_is_refused(folder: Path) -> None:
    with pytest.raises(MaskwrightError, match="1 columns instead of 2"):
        open_source(_write(folder, "some.csv", [f"{FILES[0]},a", FILES[1]]))


def test_labels_from_a_file_replace_those_of_the_folders(folder: Path) -> None:
    lines = ["file,label"] + [
        f"{label}/{n}.png,{label}{n}" for label in ("cat", "dog") for n in range(3)
    ]
    source = open_source(folder / "train", labels=str(_write(folder, "labels.csv", lines)))
    assert source.classes == ["cat0", "cat1", "cat2", "dog0", "dog1", "dog2"]
    assert source.labels == [0, 1, 2, 3, 4, 5]
    assert source.fingerprint != open_source(folder / "train").fingerprint


def test_a_column_of_labels_can_be_chosen_by_name_or_number(folder: Path) -> None:
    lines = ["file,color,mood"] + [
        f"other/place/{n}.png,red,{mood}" for n, mood in enumerate(("sad", "gay", "sad"))
    ]
    labels = _write(folder, "labels.csv", lines)
    by_name = open_source(folder / "train/cat", labels=f"{labels}:mood")
    by_number = open_source(folder / "train/cat", labels=f"{labels}:3")
    assert by_name.labels == by_number.labels == [1, 0, 1]
    with pytest.raises(MaskwrightError, match=r"no column 'moot'. Did you mean 'mood'"):
        open_source(folder / "train/cat", labels=f"{labels}:moot")


def test_a_picture_without_a_label_is_named(folder: Path) -> None:
    labels = _write(
        folder, "labels.csv", ["file,label", "cat/0.png,a"]
    )  # must not pass for dog/0.png
    with pytest.raises(
        MaskwrightError, match=r"no label for 5 of 6 pictures, for example 'cat/1.png'"
    ):
        open_source(folder / "train", labels=str(labels))


def test_a_missing_label_file_is_named(folder: Path) -> None:
    with pytest.raises(MaskwrightError, match=r"'nowhere.csv' does not exist"):
        open_source(folder, labels="nowhere.csv")


def _numbered(folder: Path) -> list[str]:
    """Three pictures, one of whose names begins with #, in a list with a remark and a row that was
    taken out.
    """
    for at, name in enumerate(("#1.png", "2.png", "3.png")):
        (folder / name).write_bytes((folder / f"train/cat/{at}.png").read_bytes())
    return ["# name,label", "#1.png,cat", "2.png,dog", "#9.png,gone", "3.png,dog"]


def test_a_picture_whose_name_begins_with_a_number_sign_is_listed(folder: Path) -> None:
    (folder / "list.csv").write_text("\n".join(_numbered(folder)))
    source = open_source(folder / "list.csv")
    assert [source.key(at) for at in range(len(source))] == ["#1.png", "2.png", "3.png"]
    assert source.labels == [0, 1, 1]


def test_a_picture_whose_name_begins_with_a_number_sign_is_labeled(folder: Path) -> None:
    lines = _numbered(folder)
    shutil.rmtree(folder / "train")
    shutil.rmtree(folder / "test")
    labels = _write(folder.parent, "labels.csv", lines)
    assert open_source(folder, labels=str(labels)).labels == [0, 1, 1]
