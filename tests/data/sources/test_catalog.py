"""A kind of source is one entry of the catalog, and what is listed there opens by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from maskwright.data.sources import catalog
from maskwright.data.sources.arrays import build_array_source
from maskwright.data.sources.open import open_source
from maskwright.data.sources.source_kind import LocatedPath, OpenOptions, SourceKind
from maskwright.support.errors import MaskwrightError


def _open_grays(text: str, options: OpenOptions):
    """Pictures of one gray each: `grays:3` has three."""
    count = int(text.removeprefix("grays:"))
    images = np.full((count, 8, 8, 1), 128, dtype=np.uint8)
    return build_array_source(images, f"grays {options.split or 'all'}")


GRAYS = SourceKind(
    name="grays",
    noun="plain grays",
    takes=str,
    accepts=lambda text: text.startswith("grays:"),
    open=_open_grays,
    prefix="grays",
)


@pytest.fixture
def _with_grays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "SOURCES", (*catalog.SOURCES, GRAYS))


@pytest.mark.usefixtures("_with_grays")
def test_a_new_kind_opens_by_its_line_in_the_catalog() -> None:
    source = open_source("grays:3", split="val")
    assert len(source) == 3
    assert source.name == "grays-val"
    assert (source.read(0) == 128).all()


@pytest.mark.usefixtures("_with_grays")
def test_a_new_kind_is_suggested_for_a_name_with_a_wrong_letter() -> None:
    with pytest.raises(MaskwrightError, match="Did you mean 'grays:3'"):
        open_source("grasy:3")


def test_a_new_kind_of_files_and_of_objects_is_named_in_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(data: object, options: OpenOptions):
        raise AssertionError("it matches nothing")

    of_files = SourceKind(
        name="film", noun="a film", takes=LocatedPath, accepts=lambda data: False, open=refuse
    )
    of_objects = SourceKind(name="table", noun="a table", takes=Path, open=refuse)
    monkeypatch.setattr(catalog, "SOURCES", (*catalog.SOURCES, of_files, of_objects))
    (tmp_path / "x.doc").write_bytes(b"")
    with pytest.raises(MaskwrightError, match=r"neither a folder, .* nor a film\."):
        open_source(tmp_path / "x.doc")
    with pytest.raises(MaskwrightError, match=r"Data is a path, .* or a table; got int\."):
        open_source(3)


def test_every_kind_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in catalog.SOURCES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("torchvision:STL10", "torchvision set"),
        ("shapes-textures:n=4", "shapes-textures"),
        ("dead-leaves:n=4", "dead-leaves"),
        ("photos-{000..127}.tar", "shards"),
        (LocatedPath(Path("photos.zip"), "train"), "archive"),
        (LocatedPath(Path("photos.npy")), "array file"),
        (LocatedPath(Path("photos.csv")), "list"),
        (LocatedPath(Path("photo.png")), "picture file"),
        (np.zeros((2, 8, 8, 3), dtype=np.uint8), "NumPy array"),
        (torch.zeros(2, 3, 8, 8), "tensor"),
    ],
)
def test_data_is_of_the_first_kind_that_matches(data: object, name: str) -> None:
    kind = catalog.find_kind(data)
    assert kind is not None
    assert kind.name == name


def test_a_store_is_no_plain_folder_and_a_folder_no_archive_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text("{}")
    (tmp_path / "x.zip").mkdir()
    store = catalog.find_kind(LocatedPath(tmp_path))
    folder = catalog.find_kind(LocatedPath(tmp_path / "x.zip"))
    assert (store and store.name, folder and folder.name) == ("store", "folder")
