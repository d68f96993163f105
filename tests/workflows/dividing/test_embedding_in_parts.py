"""A file of features made from parts is the one that is written straight."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

import maskwright
import maskwright.workflows.dividing.parts as parts
from maskwright.support.errors import MaskwrightError
from tests.conftest import draw_pictures

COUNT = 70


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures for two batches as a folder, an archive, shards and an array."""
    root = tmp_path_factory.mktemp("sources")
    pictures = draw_pictures(COUNT)
    np.save(root / "pictures.npy", pictures)
    for index, picture in enumerate(pictures):
        place = root / "photos" / ("even" if index % 2 == 0 else "odd")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{index:03d}.png")
    names = sorted((root / "photos").rglob("*.png"))
    with zipfile.ZipFile(root / "photos.zip", "w") as archive:
        for path in names:
            archive.write(path, path.relative_to(root / "photos"))
    for number in range(2):
        with tarfile.open(root / f"shard-{number}.tar", "w") as shard:
            for path in names[number::2]:
                shard.add(path, path.name)
    return root


@pytest.mark.parametrize("name", ["photos", "photos.zip", "shard-{0..1}.tar", "pictures.npy"])
def test_pictures_of_any_kind_are_joined_from_parts(
    small_run: maskwright.Run,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(parts, "MOST_BATCHES", 1)
    data = str(files / name)
    maskwright.embed(small_run.path, data, out=str(tmp_path / "straight.parquet"))
    # What an interrupted job has begun, one process goes on with.
    (tmp_path / "joined.parquet.parts").mkdir()
    made = maskwright.embed(small_run.path, data, out=str(tmp_path / "joined.parquet"))
    assert made.count == COUNT
    straight, joined = (
        pyarrow.parquet.read_table(tmp_path / f"{word}.parquet") for word in ("straight", "joined")
    )
    assert joined.equals(straight, check_metadata=True)
    assert not (tmp_path / "joined.parquet.parts").exists()


def test_parts_without_a_readable_picture_say_what_was_skipped(
    small_run: maskwright.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_BATCHES", 1)
    (tmp_path / "photos").mkdir()
    for index, picture in enumerate(draw_pictures(COUNT)):
        path = tmp_path / "photos" / f"{index:03d}.png"
        # The whole first batch is broken.
        if index < 64:
            path.write_bytes(b"no picture")
        else:
            Image.fromarray(picture).save(path)
    out = tmp_path / "features.npz"
    (tmp_path / "features.npz.parts").mkdir()
    made = maskwright.embed(small_run.path, str(tmp_path / "photos"), out=str(out))
    assert (made.count, made.skipped) == (COUNT - 64, 64)
    with np.load(out) as arrays:
        assert arrays["keys"].tolist() == [f"{index:03d}.png" for index in range(64, COUNT)]

    for path in sorted((tmp_path / "photos").iterdir())[64:]:
        path.write_bytes(b"no picture")
    (tmp_path / "features.npz.parts").mkdir()
    with pytest.raises(MaskwrightError, match="70"):
        maskwright.embed(small_run.path, str(tmp_path / "photos"), out=str(out))
    # Repaired pictures are looked at again.
    assert not (tmp_path / "features.npz.parts").exists()
