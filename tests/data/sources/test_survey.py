"""The line that tells people what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskwright.data.sources.open import open_source
from maskwright.data.sources.survey import survey
from maskwright.support.errors import MaskwrightError


def test_the_line_counts_formats_sizes_classes_and_broken_files(
    folder: Path, encoded: Callable[..., bytes]
) -> None:
    (folder / "train/cat/large.jpg").write_bytes(encoded("JPEG", (40, 30)))
    (folder / "train/cat/empty.jpg").write_bytes(b"")
    assert (
        str(survey(open_source(folder)))
        == "found 14 images (png 12, jpg 2), 12x10 to 40x30 (height x width), median 12x10, color,"
        " 2 classes (cat, dog); 1 unreadable skipped"
    )


def test_pictures_of_one_size_are_told_in_one_word() -> None:
    found = survey(open_source(np.zeros((1, 8, 9), dtype=np.uint8)))
    assert str(found) == "found 1 image (array 1), all 8x9, gray"


def test_color_files_without_color_count_as_gray(
    tmp_path: Path, encoded: Callable[..., bytes]
) -> None:
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    assert not survey(open_source(tmp_path)).gray
    (tmp_path / "a.png").unlink()
    from PIL import Image

    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "b.png")
    found = survey(open_source(tmp_path))
    assert found.gray
    assert found.channels == 3


def test_a_sample_looks_at_fewer_and_says_so(folder: Path) -> None:
    found = survey(open_source(folder), sample=4)
    assert found.looked_at == 4
    assert str(found).endswith("(sizes and colors from 4 of them)")


def test_nothing_readable_is_an_error_with_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_bytes(b"dear diary")
    with pytest.raises(
        MaskwrightError, match=r"None of the 1 pictures .* notes.jpg: the content is not a picture"
    ):
        survey(open_source(tmp_path))


def test_a_picture_with_broken_exif_is_surveyed_without_a_warning(
    tmp_path: Path, encoded: Callable[..., bytes]
) -> None:
    (tmp_path / "a.jpg").write_bytes(
        encoded("JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x09\x01\x12")
    )
    assert survey(open_source(tmp_path)).looked_at == 1


def write_pictures(root: Path, names: list[str], encoded: Callable[..., bytes]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded("PNG" if name.endswith("png") else "JPEG"))


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (
            ["a.jpg", "a.png", "b.jpg", "b.png"],
            "All 4 pictures share their name with another of another ending (jpg, png). If one"
            " kind is label maps or masks, take the other alone, such as 'DATA/**/*.jpg'.",
        ),
        (
            ["images/a.jpg", "images/b.jpg", "Masks/a.png", "Masks/b.png"],
            "2 of the 4 pictures lie in 'Masks' and the like. If they are label maps or masks, name"
            " the folder of the pictures alone as the data.",
        ),
        # Nothing is said of usual folders of classes, or where only maps were asked for.
        (["cat/1.jpg", "dog/1.jpg", "dog/2.png"], None),
        (["masks/1.png", "masks/2.png"], None),
    ],
)
def test_label_maps_among_the_pictures_are_told(
    tmp_path: Path, encoded: Callable[..., bytes], names: list[str], note: str | None
) -> None:
    write_pictures(tmp_path, names, encoded)
    assert note_of_maps(tmp_path) == note


def note_of_maps(folder: Path) -> str | None:
    found = [note for note in survey(open_source(folder)).notes if "label maps" in note]
    return found[0] if found else None


def test_the_pattern_that_leaves_label_maps_out_does_so(
    tmp_path: Path, encoded: Callable[..., bytes]
) -> None:
    write_pictures(tmp_path, ["base/a.webp", "base/a.png", "base/b.png", "b.webp"], encoded)
    assert note_of_maps(tmp_path) is not None
    left = open_source(f"{tmp_path}/**/*.webp")
    assert [left.key(index) for index in range(len(left))] == ["b.webp", "base/a.webp"]
