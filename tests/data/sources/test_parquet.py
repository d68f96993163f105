"""Parquet of pictures opens like every other source: rows at random, labels, splits, identity."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from tests.conftest import draw_pictures
from tests.data.sources.test_shards import picture_bytes

from maskwright.data.packing import pack
from maskwright.data.sources import parquet_rows
from maskwright.data.sources.open import open_source
from maskwright.support.errors import MaskwrightError

NAMES = ["cat", "dog", "eel"]


def write_parquet(
    path: Path,
    pictures: list[bytes | None],
    *,
    labels: list[Any] | None = None,
    names: list[str] | None = None,
    paths: bool = True,
    rows: int = 3,
) -> Path:
    """A file as Hugging Face writes it: struct{bytes, path}, and its types beside the schema."""
    cells: list[Any] = pictures
    kind = pyarrow.binary()
    if paths:
        cells = [{"bytes": data, "path": f"p{at}.png"} for at, data in enumerate(pictures)]
        kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()})
    columns = {"image": pyarrow.array(cells, kind)}
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if labels is not None:
        columns["label"] = pyarrow.array(labels)
    if names is not None:
        features["label"] = {"_type": "ClassLabel", "names": names}
    table = pyarrow.table(columns)
    if paths:
        described = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": described})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path, row_group_size=rows)
    return path


def drawn(count: int, seed: int = 0) -> list[bytes | None]:
    return [picture_bytes(pixels) for pixels in draw_pictures(count, seed=seed)]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder as on Hugging Face: two shards of train, one of test, three classes."""
    root = tmp_path / "pets"
    for name, count, seed in (("train-00000-of-00002", 7, 0), ("train-00001-of-00002", 5, 1)):
        labels = [at % 3 for at in range(count)]
        place = root / "data" / f"{name}.parquet"
        write_parquet(place, drawn(count, seed), labels=labels, names=NAMES)
    place = root / "data" / "test-00000-of-00001.parquet"
    write_parquet(place, drawn(4, 2), labels=[2, 2, -1, 0], names=NAMES)
    (root / "README.md").write_text("about")
    return root


def test_rows_are_read_in_any_order(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Room for one row group alone: every other one is read anew.
    monkeypatch.setattr(parquet_rows, "KEPT_BYTES", 1)
    source = open_source(shards, split="train")
    truth = [*draw_pictures(7, seed=0), *draw_pictures(5, seed=1)]
    for index in (11, 0, 6, 3, 7, 2, 11):
        assert (source.read(index) == truth[index]).all()
    assert source.size(8) == (16, 16)


def test_labels_and_class_names_are_those_of_the_schema(shards: Path) -> None:
    train, test = open_source(shards, split="train"), open_source(shards, split="test")
    assert train.labels == [0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 0, 1]
    # A class that the split lacks keeps its number, and -1 is no label.
    assert test.labels == [2, 2, -1, 0]
    assert train.classes == test.classes == NAMES
    assert train.splits == ("train", "test")


def test_keys_name_the_shard_the_row_and_the_picture(shards: Path) -> None:
    source = open_source(shards)
    assert len(source) == 16
    assert source.key(0) == "test-00000-of-00001.parquet/000000/p0.png"
    assert source.key(15) == "train-00001-of-00002.parquet/000004/p4.png"
    assert len({source.key(at) for at in range(16)}) == 16


@pytest.mark.parametrize("form", ["pattern", "braces", "file", "list", "folder"])
def test_shards_are_named_in_every_way(form: str, shards: Path) -> None:
    data = shards / "data"
    named = {
        "pattern": f"{data}/train-*.parquet",
        "braces": f"{data}/train-{{00000..00001}}-of-00002.parquet",
        "file": str(data / "train-00000-of-00002.parquet"),
        "list": str(shards / "list.txt"),
        "folder": str(data),
    }
    (shards / "list.txt").write_text(
        "# both\ndata/train-00000-of-00002.parquet\ndata/train-00001-of-00002.parquet\n"
    )
    counts = {"file": 7, "folder": 16}
    assert len(open_source(named[form])) == counts.get(form, 12)


def test_identity_follows_pictures_and_labels_and_not_the_place(
    shards: Path, tmp_path: Path
) -> None:
    before = open_source(shards, split="test").fingerprint
    moved = shards.rename(tmp_path / "elsewhere")
    assert open_source(moved, split="test").fingerprint == before
    place = moved / "data" / "test-00000-of-00001.parquet"
    write_parquet(place, drawn(4, 2), labels=[2, 1, -1, 0], names=NAMES)
    relabeled = open_source(moved, split="test").fingerprint
    write_parquet(place, drawn(4, 3), labels=[2, 2, -1, 0], names=NAMES)
    assert len({before, relabeled, open_source(moved, split="test").fingerprint}) == 3


def test_raw_bytes_without_a_description_are_pictures_too(tmp_path: Path) -> None:
    words = ["wet", "dry", "wet", "", "dry"]
    path = write_parquet(tmp_path / "x.parquet", drawn(5), labels=words, paths=False)
    source = open_source(path)
    assert source.classes == ["dry", "wet"]
    assert source.labels == [1, 0, 1, -1, 0]
    assert source.key(1) == "x.parquet/000001/picture.png"


def test_a_column_of_its_own_or_a_file_may_hold_the_labels(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", drawn(4), labels=[0, 1, 2, 0], names=NAMES)
    table = pyarrow.parquet.read_table(path)
    table = table.append_column("color", pyarrow.array(["red", "blue", "red", "red"]))
    pyarrow.parquet.write_table(table, path)
    assert open_source(path).classes == NAMES
    assert open_source(path, labels="color").classes == ["blue", "red"]
    (tmp_path / "labels.csv").write_text(
        "file,label\n" + "".join(f"p{n}.png,{n}\n" for n in range(4))
    )
    assert open_source(path, labels=str(tmp_path / "labels.csv")).labels == [0, 1, 2, 3]
    with pytest.raises(
        MaskwrightError, match=r"no column of labels 'colour'.*Did you mean 'color'"
    ):
        open_source(path, labels="colour")


def test_rows_without_a_picture_are_left_out_and_named(tmp_path: Path) -> None:
    cells = [*drawn(2), None, b"no picture", *drawn(1, 5)]
    path = write_parquet(tmp_path / "x.parquet", cells, labels=[0, 1, 0, 1, 2], names=NAMES)
    source = open_source(path)
    assert source.labels == [0, 1, 2]
    assert (source.read(2) == draw_pictures(1, seed=5)[0]).all()
    assert any(
        "2 rows without a readable picture left out: row 2 of" in note for note in source.notes
    )


def test_packed_pictures_are_those_of_the_rows_and_survive_another_process(shards: Path) -> None:
    source = open_source(shards, split="train")
    copy = pickle.loads(pickle.dumps(source))
    store = pack(copy, short_side=16)
    assert torch.equal(store.labels, torch.tensor(source.labels))
    assert (store.image(9).permute(1, 2, 0).numpy() == source.read(9)).all()


@pytest.mark.parametrize(
    ("columns", "fragment"),
    [
        ({"key": ["a"], "label": [1]}, "holds no pictures: its columns are key .string., label"),
        ({"image": pyarrow.array([b"x"])}, "holds no picture that can be read"),
    ],
)
def test_parquet_without_pictures_is_a_sentence(
    columns: dict[str, Any], fragment: str, tmp_path: Path
) -> None:
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    with pytest.raises(MaskwrightError, match=fragment):
        open_source(tmp_path / "x.parquet")


def test_what_is_not_there_is_a_sentence(shards: Path) -> None:
    (shards / "cut.parquet").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    (shards / "list.txt").write_text("data/none.parquet\n")
    for data, fragment in (
        (shards / "cut.parquet", "Git LFS"),
        (f"{shards}/*/none-*.parquet", "No Parquet file matches"),
        (shards / "list.txt", "1 of the 1 Parquet files"),
    ):
        with pytest.raises(MaskwrightError, match=fragment):
            open_source(data)
    with pytest.raises(MaskwrightError, match="no split 'val': its splits are train, test"):
        open_source(shards / "data", split="val")


def test_shards_of_other_columns_are_refused(shards: Path) -> None:
    pyarrow.parquet.write_table(
        pyarrow.table({"text": ["a"]}), shards / "data" / "zzz-00000-of-00001.parquet"
    )
    with pytest.raises(MaskwrightError, match=r"zzz.* has no column 'image' of pictures"):
        open_source(shards)


def test_features_beside_pictures_leave_a_folder_one_of_pictures(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    pyarrow.parquet.write_table(pyarrow.table({"key": ["a"]}), tmp_path / "features.parquet")
    assert open_source(tmp_path).key(0) == "a.png"
