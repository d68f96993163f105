"""One door for every kind of data."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskwright.data.sources.open import Source, open_source
from maskwright.support.errors import MaskwrightError


def _zip(folder: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return to


def _tar(folder: Path, to: Path, mode: str) -> Path:
    with tarfile.open(to, mode) as archive:
        archive.add(folder, ".")
    return to


def _same(one: Source, two: Source) -> bool:
    same_pixels = all(np.array_equal(one.read(at), two.read(at)) for at in range(len(one)))
    return (
        [one.key(at) for at in range(len(one))] == [two.key(at) for at in range(len(two))]
        and one.labels == two.labels
        and same_pixels
    )


def test_classes_are_the_sub_folders_in_alphabetic_order(folder: Path) -> None:
    source = open_source(folder / "train")
    assert source.classes == ["cat", "dog"]
    assert source.labels == [0, 0, 0, 1, 1, 1]
    assert source.name == "train"


def test_a_split_takes_its_sub_folder_and_says_so(folder: Path) -> None:
    source = open_source(folder, split="test")
    assert len(source) == 6
    assert source.key(0) == "test/cat/0.png"
    assert source.labels == [0, 0, 0, 1, 1, 1]
    assert "using test/" in source.notes[0]


def test_without_a_split_all_are_used_with_classes_from_below_the_splits(folder: Path) -> None:
    source = open_source(folder)
    assert len(source) == 12
    assert source.classes == ["cat", "dog"]
    assert source.splits == ("train", "test")


def test_valid_and_validation_are_both_the_val_split(folder: Path) -> None:
    (folder / "test").rename(folder / "validation")
    assert open_source(folder, split="val").key(0).startswith("validation/")


def test_an_unknown_split_names_the_known_ones(folder: Path) -> None:
    with pytest.raises(MaskwrightError, match="no split 'val': its splits are train, test"):
        open_source(folder, split="val")


def test_a_flat_folder_is_unlabelled(folder: Path) -> None:
    source = open_source(folder / "train" / "cat")
    assert len(source) == 3
    assert source.labels is None
    assert source.classes is None


def test_one_sub_folder_is_no_class(folder: Path) -> None:
    shutil.rmtree(folder / "test")
    shutil.rmtree(folder / "train" / "dog")
    assert open_source(folder).labels is None


def test_loose_pictures_beside_sub_folders_leave_all_unlabelled(folder: Path) -> None:
    shutil.copy(folder / "train/cat/0.png", folder / "train/loose.png")
    source = open_source(folder / "train")
    assert len(source) == 7
    assert source.labels is None


def test_hidden_files_are_no_pictures(folder: Path) -> None:
    shutil.copy(folder / "train/cat/0.png", folder / "train/cat/._0.png")
    assert len(open_source(folder)) == 12


def test_a_loop_of_links_is_walked_once(folder: Path) -> None:
    os.symlink(folder, folder / "train" / "again")
    assert len(open_source(folder)) == 12


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_equals_its_folder(folder: Path, tmp_path: Path, ending: str) -> None:
    archive = tmp_path / f"pets.{ending}"
    if ending == "zip":
        _zip(folder, archive)
    else:
        _tar(folder, archive, "w:" + ending.removeprefix("tar").removeprefix("."))
    assert _same(open_source(archive), open_source(folder))
    assert _same(open_source(archive, split="train"), open_source(folder, split="train"))


def test_a_folder_around_everything_in_an_archive_is_no_class(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "around").mkdir()
    folder.rename(tmp_path / "around" / "pets")
    source = open_source(_zip(tmp_path / "around", tmp_path / "x.zip"), split="train")
    assert source.classes == ["cat", "dog"]


def test_a_place_inside_an_archive_can_be_named(folder: Path, tmp_path: Path) -> None:
    archive = _zip(folder, tmp_path / "pets.zip")
    assert len(open_source(f"{archive}/train/cat")) == 3
    assert [open_source(f"{archive}/*/cat/1.png").key(at) for at in range(2)] == [
        "test/cat/1.png",
        "train/cat/1.png",
    ]


def test_an_archive_can_be_read_after_pickling(folder: Path, tmp_path: Path) -> None:
    import pickle

    source = open_source(_zip(folder, tmp_path / "pets.zip"))
    before = source.read(0)
    assert np.array_equal(pickle.loads(pickle.dumps(source)).read(0), before)


def test_a_damaged_archive_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(MaskwrightError, match="Cannot read the archive"):
        open_source(tmp_path / "broken.zip")


def test_a_glob_pattern_keeps_what_matches(folder: Path) -> None:
    assert len(open_source(f"{folder}/**/cat/[01].png")) == 4
    assert len(open_source(f"{folder}/train/*/2.png")) == 2


def test_a_single_picture_is_data_too(folder: Path) -> None:
    source = open_source(folder / "train/cat/1.png")
    assert len(source) == 1


def test_a_missing_folder_suggests_a_near_name(folder: Path) -> None:
    with pytest.raises(
        MaskwrightError, match=r"There is no file or folder .*petz.* Did you mean '.*pets'"
    ):
        open_source(folder.with_name("petz"))


def test_an_empty_folder_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        MaskwrightError, match=r"No pictures found in '.*empty': there are no files"
    ):
        open_source(tmp_path / "empty")


def test_a_folder_of_unknown_files_names_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "phone").mkdir()
    for at in range(12):
        (tmp_path / "phone" / f"{at}.heic").write_bytes(b"x")
    with pytest.raises(MaskwrightError, match=r"looked for jpg jpeg png .*; found 12 \.heic\)"):
        open_source(tmp_path / "phone")


def test_an_unknown_kind_of_file_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.doc").write_bytes(b"x")
    with pytest.raises(MaskwrightError, match=r"neither a folder, .*an archive"):
        open_source(tmp_path / "x.doc")


def test_the_fingerprint_follows_content_not_place(folder: Path, tmp_path: Path) -> None:
    before = open_source(folder).fingerprint
    moved = folder.rename(tmp_path / "elsewhere")
    assert open_source(moved).fingerprint == before
    (moved / "train/cat/0.png").write_bytes((moved / "train/cat/1.png").read_bytes() + b" ")
    assert open_source(moved).fingerprint != before


def test_arrays_and_tensors_from_python_are_sources() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 9, 3), dtype=np.uint8)
    from_array, from_tensor = (
        open_source(pixels),
        open_source(torch.from_numpy(pixels).permute(0, 3, 1, 2)),
    )
    assert np.array_equal(from_array.read(2), pixels[2])
    assert np.array_equal(from_tensor.read(2), pixels[2])


def test_a_source_is_handed_through() -> None:
    source = open_source(np.zeros((4, 8, 9, 3), dtype=np.uint8))
    assert open_source(source) is source


def test_every_kind_keeps_the_protocol(folder: Path) -> None:
    data = torch.utils.data.TensorDataset(torch.zeros(3, 3, 8, 8, dtype=torch.uint8))
    for source in (
        open_source(folder),
        open_source(np.zeros((2, 8, 8), dtype=np.uint8)),
        open_source(data),
    ):
        assert isinstance(source, Source)


def test_other_objects_are_refused() -> None:
    with pytest.raises(MaskwrightError, match="got int"):
        open_source(3)


def _written(folder: Path, *names: str) -> None:
    """Make a folder that looks like one of our own: files of these names, and a figure."""
    (folder / "samples").mkdir(parents=True)
    for name in names:
        (folder / name).write_text("{}")
    Image.new("RGB", (8, 8)).save(folder / "samples" / "epoch_0001.png")


@pytest.mark.parametrize("names", [("run.json", "config.yaml"), ("store.json", "pixels.bin")])
def test_figures_of_runs_and_stores_among_the_pictures_are_no_pictures(
    folder: Path, names: tuple[str, ...]
) -> None:
    before = open_source(folder)
    _written(folder / "runs" / "mine", *names)
    after = open_source(folder)
    assert _same(before, after)
    assert before.fingerprint == after.fingerprint


def test_the_folder_of_a_run_is_no_data(tmp_path: Path) -> None:
    _written(tmp_path / "mine", "run.json", "config.yaml")
    with pytest.raises(MaskwrightError, match="is the folder of a run, not of pictures"):
        open_source(tmp_path / "mine")


def test_a_folder_of_shards_says_how_to_name_them(tmp_path: Path) -> None:
    (tmp_path / "photos-000.tar").write_bytes(b"")
    with pytest.raises(MaskwrightError, match=r"Name them by a pattern: '.*/\*\.tar'"):
        open_source(tmp_path)


def test_names_keep_letters_of_any_script(folder: Path) -> None:
    assert (
        open_source(shutil.copytree(folder, folder.parent / "Bilder für Übung")).name
        == "bilder-für-übung"
    )
