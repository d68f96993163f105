"""The identity of pictures changes with any byte, name, label or order, and never with dates or
places.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskwright.data.packing import pack
from maskwright.data.sources import identity
from maskwright.data.sources.open import open_source

FEW = settings(max_examples=25, deadline=None)
Files = dict[str, bytes]
NAMES = [f"{label}/{at}.png" for label in ("cat", "dog") for at in range(4)]
FILES = st.lists(st.binary(min_size=1, max_size=40), min_size=8, max_size=8, unique=True).map(
    lambda contents: dict(zip(NAMES, contents, strict=True))
)


@contextmanager
def _place() -> Iterator[Path]:
    """A folder of its own for each example."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _write_folder(files: Files, root: Path) -> Path:
    for name, content in files.items():
        (root / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "pets" / name).write_bytes(content)
    return root / "pets"


def _write_zip(files: Files, root: Path) -> Path:
    with zipfile.ZipFile(root / "pets.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return root / "pets.zip"


def _write_tar(files: Files, root: Path, date: int = 0) -> Path:
    with tarfile.open(root / "pets.tar", "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), date
            archive.addfile(member, io.BytesIO(content))
    return root / "pets.tar"


def _write_list(files: Files, root: Path) -> Path:
    folder = _write_folder(files, root)
    (folder / "list.csv").write_text("".join(f"{name},{name[:3]}\n" for name in files))
    return folder / "list.csv"


WRITERS: dict[str, Callable[[Files, Path], Path]] = {
    "folder": _write_folder,
    "zip": _write_zip,
    "tar": _write_tar,
    "list": _write_list,
}


def _fingerprint(write: Callable[[Files, Path], Path], files: Files) -> str:
    with _place() as root:
        return open_source(write(files, root)).fingerprint


@st.composite
def _one_change(draw: st.DrawFn) -> Callable[[Files], Files]:
    """Something that changes files: one byte, one name, one file less, two contents swapped."""
    kind = draw(st.sampled_from(["byte", "name", "gone", "swap", "longer"]))
    name, other = draw(st.permutations(NAMES))[:2]
    at, flip = draw(st.integers(0, 39)), draw(st.integers(1, 255))

    def change(files: Files) -> Files:
        data, rest = files[name], {key: one for key, one in files.items() if key != name}
        if kind == "byte":
            place = at % len(data)
            changed = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
            return {key: changed if key == name else one for key, one in files.items()}
        if kind == "name":
            return {**rest, name.replace(".png", "x.png"): data}
        if kind == "swap":
            return {**files, name: files[other], other: data}
        return rest if kind == "gone" else {**files, name: data + b"\0"}

    return change


@pytest.mark.parametrize("kind", WRITERS)
@FEW
@given(files=FILES, change=_one_change())
def test_any_change_of_files_shows(
    kind: str, files: Files, change: Callable[[Files], Files]
) -> None:
    assert _fingerprint(WRITERS[kind], files) != _fingerprint(WRITERS[kind], change(files))


@FEW
@given(files=FILES, name=st.sampled_from(NAMES))
def test_a_byte_changed_in_place_shows_though_size_and_date_are_put_back(
    files: Files, name: str
) -> None:
    with _place() as root:
        folder = _write_folder(files, root)
        before, facts = open_source(folder).fingerprint, (folder / name).stat()
        (folder / name).write_bytes(bytes([files[name][0] ^ 1]) + files[name][1:])
        os.utime(folder / name, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert open_source(folder).fingerprint != before


@pytest.mark.parametrize("kind", WRITERS)
@FEW
@given(files=FILES, date=st.integers(0, 2_000_000_000))
def test_other_dates_and_another_place_change_nothing(kind: str, files: Files, date: int) -> None:
    with _place() as root:
        place = WRITERS[kind](files, root)
        before = open_source(place).fingerprint
        for path in root.rglob("*"):
            os.utime(path, (date, date))
        assert open_source(place).fingerprint == before
        copied = shutil.copytree(root, root / "elsewhere")
        assert open_source(copied / place.relative_to(root)).fingerprint == before


def test_a_tar_packed_anew_and_a_folder_or_zip_of_the_same_files_are_the_same(
    tmp_path: Path,
) -> None:
    files = {name: name.encode() for name in NAMES}
    found = {open_source(write(files, tmp_path)).fingerprint for write in WRITERS.values()}
    found.add(open_source(_write_tar(files, tmp_path, date=1_600_000_000)).fingerprint)
    assert len(found) == 1


def test_a_picture_moved_to_another_split_of_a_list_shows(tmp_path: Path) -> None:
    folder = _write_folder({name: name.encode() for name in NAMES}, tmp_path)
    rows = [[name, name[:3], "train" if at % 4 else "test"] for at, name in enumerate(NAMES)]
    found = set()
    for moved in (None, 1, 2):
        told = [[*row[:2], "test"] if at == moved else row for at, row in enumerate(rows)]
        text = "\n".join(map(",".join, [["file", "label", "split"], *told]))
        (folder / "list.csv").write_text(text)
        found.add(open_source(folder / "list.csv", split="train").fingerprint)
        found.add(open_source(folder, labels=str(folder / "list.csv"), split="train").fingerprint)
    assert len(found) == 3  # the list and the folder labeled by it agree


def test_other_pictures_in_a_split_do_not_change_this_one(tmp_path: Path) -> None:
    names = [f"{split}/{name}" for split in ("train", "test") for name in NAMES]
    folder = _write_folder({name: name.encode() for name in names}, tmp_path)
    before = open_source(folder, split="train").fingerprint
    (folder / "test/cat/0.png").write_bytes(b"other")
    assert open_source(folder, split="train").fingerprint == before


def _shard(path: Path, contents: list[bytes], date: int = 0) -> None:
    with tarfile.open(path, "w") as archive:
        for at, content in enumerate(contents):
            for name, data in ((f"{at}.png", content), (f"{at}.cls", b"%d" % (at % 2))):
                member = tarfile.TarInfo(name)
                member.size, member.mtime = len(data), date
                archive.addfile(member, io.BytesIO(data))


def test_shards_are_known_by_their_pictures(tmp_path: Path, encoded: Any) -> None:
    pictures = [encoded("BMP", (6, 5), seed) for seed in range(4)]
    found = []
    for at, (contents, date) in enumerate(
        [(pictures, 0), (pictures, 1_600_000_000), (pictures[1:] + pictures[:1], 0)]
    ):
        (tmp_path / str(at)).mkdir()
        _shard(tmp_path / str(at) / "s-0.tar", contents, date)
        found.append(open_source(f"{tmp_path}/{at}/s-{{0..0}}.tar").fingerprint)
    assert found[0] == found[1] != found[2]


ROWS = 1500  # more than any sample of rows would see
FORMS = ("memory", "npy", "npz", "dataset")


class _Shelf(torch.utils.data.Dataset[Any]):
    def __init__(self, images: np.ndarray, labels: list[int] | None) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        picture = self.images[index]
        return picture if self.labels is None else (picture, self.labels[index])


def _of_rows(form: str, images: np.ndarray, labels: list[int] | None, root: Path) -> Any:
    """The same pictures and labels as each kind of data that keeps them in rows; a plain array has
    no labels.
    """
    if form == "memory":
        return images
    if form == "dataset":
        return _Shelf(images, labels)
    path = root / f"many.{form}"
    if form == "npy":
        np.save(path, images)
    else:
        np.savez(path, images=images, **({} if labels is None else {"labels": labels}))
    return path


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=6, deadline=None)
@given(row=st.integers(0, ROWS - 1), byte=st.integers(0, 11), flip=st.integers(1, 255))
def test_any_byte_of_any_row_shows(form: str, row: int, byte: int, flip: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (ROWS, 2, 2, 3), dtype=np.uint8)
    changed = images.copy()
    changed[row].reshape(-1)[byte] ^= flip
    with _place() as root:
        before = open_source(_of_rows(form, images, None, root)).fingerprint
        assert open_source(_of_rows(form, images.copy(), None, root)).fingerprint == before
        assert open_source(_of_rows(form, changed, None, root)).fingerprint != before


@pytest.mark.parametrize("form", ["npz", "dataset"])
@settings(max_examples=6, deadline=None)
@given(row=st.integers(0, ROWS - 1))
def test_any_label_of_rows_shows(form: str, row: int) -> None:
    images = np.zeros((ROWS, 2, 2, 3), dtype=np.uint8)
    labels = [at % 3 for at in range(ROWS)]
    changed = [(label + (at == row)) % 3 for at, label in enumerate(labels)]
    with _place() as root:
        before = open_source(_of_rows(form, images, labels, root)).fingerprint
        assert open_source(_of_rows(form, images, list(labels), root)).fingerprint == before
        assert open_source(_of_rows(form, images, changed, root)).fingerprint != before


@pytest.mark.parametrize("form", FORMS)
def test_the_order_of_rows_shows(form: str, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (ROWS, 2, 2, 3), dtype=np.uint8)
    before = open_source(_of_rows(form, images, None, tmp_path)).fingerprint
    swapped = images.copy()
    swapped[[3, 6]] = images[[6, 3]]
    assert open_source(_of_rows(form, swapped, None, tmp_path)).fingerprint != before


def test_other_names_of_the_classes_show(tmp_path: Path) -> None:
    found = set()
    for names in (("cat", "dog"), ("cat", "eel")):
        np.savez(tmp_path / "x.npz", images=np.zeros((4, 5, 6, 3)), labels=np.array(names * 2))
        found.add(open_source(tmp_path / "x.npz").fingerprint)
    assert len(found) == 2


@pytest.mark.parametrize("form", FORMS)
def test_a_store_never_serves_rows_that_were_mended(form: str, tmp_path: Path) -> None:
    images = np.full((ROWS, 2, 2, 3), 200, dtype=np.uint8)
    mended = images.copy()
    mended[3] = 7
    for rows, value in ((images, 200), (mended, 7)):
        store = pack(open_source(_of_rows(form, rows, None, tmp_path)), short_side=2)
        assert store.image(3).unique().tolist() == [value]


@pytest.mark.parametrize("form", ["npz", "dataset"])
def test_a_store_gives_the_labels_of_today(form: str, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (200, 5, 6, 3), dtype=np.uint8)
    first = [at % 2 for at in range(200)]
    swapped = [1 - label for label in first]
    for labels in (first, swapped):
        store = pack(open_source(_of_rows(form, images, labels, tmp_path)), short_side=5)
        assert store.labels is not None
        assert store.labels.tolist() == labels


def test_labels_come_from_the_source_where_its_fingerprint_does_not_tell_them() -> None:
    class Careless(type(open_source(np.zeros((2, 5, 6, 3), dtype=np.uint8)))):  # type: ignore[misc]
        fingerprint = "always the same"

    images = np.zeros((4, 5, 6, 3), dtype=np.uint8)
    scale = open_source(images).scale  # type: ignore[union-attr]
    made = [
        Careless(name="x", images=images, scale=scale, labels=labels, classes=classes)
        for labels, classes in (([0, 1, 0, 1], ["a", "b"]), ([0, 0, 1, 1], ["c", "d"]))
    ]
    stores = [pack(source, short_side=5) for source in made]
    assert stores[0].folder == stores[1].folder
    assert stores[1].labels is not None
    assert stores[1].labels.tolist() == [0, 0, 1, 1]
    assert stores[1].classes == ("c", "d")


def test_labels_stay_with_their_pictures_where_some_cannot_be_read(tmp_path: Path) -> None:
    for at, label in enumerate("aabb"):
        (tmp_path / "p" / label).mkdir(parents=True, exist_ok=True)
        Image.new("L", (5, 6), at).save(tmp_path / "p" / label / f"{at}.png")
    (tmp_path / "p/a/1.png").write_bytes(b"no picture")
    store = pack(open_source(tmp_path / "p"), short_side=5)
    assert store.keys == ("a/0.png", "b/2.png", "b/3.png")
    assert store.labels is not None
    assert store.labels.tolist() == [0, 1, 1]


def _reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count the files that are read to find their stamps, with files taken as old at once."""
    read: list[str] = []
    monkeypatch.setattr(identity, "_UNSURE_NS", -1_000_000_000)
    monkeypatch.setattr(
        "maskwright.data.sources.folder.stamp_file",
        lambda path: read.append(path) or identity.stamp_file(path),
    )
    return read


def test_a_known_file_is_not_read_again_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _reads(monkeypatch)
    folder = _write_folder({name: name.encode() for name in NAMES}, tmp_path)
    before = open_source(folder).fingerprint
    assert len(read) == 8
    assert open_source(folder).fingerprint == before
    assert len(read) == 8
    os.utime(folder / NAMES[3], (0, 0))
    assert open_source(folder).fingerprint == before
    assert read[8:] == [str(folder / NAMES[3])]


def test_a_damaged_memory_of_stamps_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _reads(monkeypatch)
    folder = _write_folder({name: name.encode() for name in NAMES}, tmp_path)
    before = open_source(folder).fingerprint
    for kept in (tmp_path / "cache" / "identity").iterdir():
        kept.write_text("{")
    assert open_source(folder).fingerprint == before
    assert len(read) == 16


def test_a_large_array_file_is_not_read_again_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_UNSURE_NS", -1_000_000_000)
    hashed = []
    monkeypatch.setattr(
        "maskwright.data.sources.arrays.hash_rows",
        lambda array: hashed.append(len(array)) or identity.hash_rows(array),
    )
    np.save(tmp_path / "x.npy", np.zeros((9, 5, 6, 3), dtype=np.uint8))
    found = [open_source(tmp_path / "x.npy").fingerprint for _ in range(3)]
    assert len(set(found)) == 1
    assert hashed == [9]


def test_a_cache_that_cannot_be_written_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _write_folder({name: name.encode() for name in NAMES}, tmp_path)
    before = open_source(folder).fingerprint
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(identity, "_UNSURE_NS", -1_000_000_000)
    assert open_source(folder).fingerprint == before


@pytest.mark.parametrize("dtype", [bool, np.float16, np.int64, ">u2"])
def test_arrays_of_any_type_and_blocks_have_a_hash(
    dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.arange(300).reshape(25, 3, 4).astype(dtype)
    other = array.copy()
    other[24, 2, 3] = 0 if other[24, 2, 3] else 1
    for block in (1 << 25, 64):
        monkeypatch.setattr(identity, "_BLOCK", block)
        assert identity.hash_rows(array) == identity.hash_rows(array[::1].copy())
        assert identity.hash_rows(array) != identity.hash_rows(other)
        assert identity.hash_rows(array) != identity.hash_rows(array.reshape(25, 4, 3))
