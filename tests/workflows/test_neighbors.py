"""Neighbors and near-duplicates of embedded pictures, and the warning of `evaluate`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import maskwright
from maskwright.evaluation.neighbors import find_neighbors, find_pairs
from maskwright.support.errors import MaskwrightError
from tests.workflows.test_evaluate import Listener


@pytest.fixture(scope="module")
def embedded(
    small_run: maskwright.Run, shared_photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("embedded") / "features.npz"
    maskwright.embed(small_run.path, str(shared_photos), out=str(path), device="cpu")
    return path


def test_every_picture_has_its_neighbors_by_name_and_a_sheet(
    embedded: Path, tmp_path: Path
) -> None:
    listener = Listener()
    found = maskwright.neighbors(embedded, count=3, out=str(tmp_path), reporter=listener)
    rows = list(csv.DictReader((tmp_path / "neighbors.csv").read_text().splitlines()))
    assert len(rows) == 60 * 3
    assert all(row["file"] != row["neighbor"] for row in rows)
    # bright pictures are like bright ones
    same = [row["label"] == Path(row["file"]).parent.name for row in rows]
    assert np.mean(same) > 0.8
    report = json.loads((tmp_path / "neighbors.json").read_text())
    assert report["pictures"][rows[0]["file"]]["neighbors"] == found.names(0)
    assert (tmp_path / "sheet.png").exists()
    assert "Sheet:" in listener.text


def test_named_pictures_are_looked_up_in_another_file(
    small_run: maskwright.Run, shared_photos: Path, embedded: Path, tmp_path: Path
) -> None:
    train = tmp_path / "train.npz"
    maskwright.embed(
        small_run.path, str(shared_photos), split="train", out=str(train), device="cpu"
    )
    found = maskwright.neighbors(
        embedded, among=str(train), of="001.png", count=2, out=str(tmp_path / "out")
    )
    # the picture itself is in the other file, and so are all 40 of train
    assert found.names(0)[0].endswith("001.png")
    assert float(found.neighbors.similarity[0, 0]) == pytest.approx(1, abs=1e-4)
    exact = [pair for pair in found.duplicates if pair[0] == pair[1]]
    assert len(exact) == 40


def test_without_the_pictures_there_are_tables_and_a_note(embedded: Path, tmp_path: Path) -> None:
    listener = Listener()
    maskwright.neighbors(embedded, photos="/no/such/place", out=str(tmp_path), reporter=listener)
    assert "There is no sheet" in listener.text
    assert "--photos DATA" in listener.text
    assert (tmp_path / "neighbors.csv").exists()
    assert not (tmp_path / "sheet.png").exists()


def test_mistakes_are_sentences(embedded: Path, tmp_path: Path) -> None:
    with pytest.raises(MaskwrightError, match=r"no picture '0001.png'.*Did you mean '001.png'"):
        maskwright.neighbors(embedded, of="0001.png", out=str(tmp_path))
    with pytest.raises(MaskwrightError, match=r"no file of features at 'nothing.npz'"):
        maskwright.neighbors("nothing.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(MaskwrightError, match="it has a"):
        maskwright.neighbors(tmp_path / "other.npz")
    np.savez(tmp_path / "narrow.npz", keys=np.array(["a", "b"]), features=np.zeros((2, 3)))
    with pytest.raises(MaskwrightError, match="different encoders"):
        maskwright.neighbors(embedded, among=str(tmp_path / "narrow.npz"))


def test_pairs_come_once_and_a_query_is_no_neighbor_of_its_own() -> None:
    vectors = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [1, 0.01], [0, 1]]), dim=1)
    pairs = find_pairs(vectors, vectors, 0.9, same=True)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 1)]
    nearest = find_neighbors(vectors, vectors, 5, torch.arange(3))
    assert nearest.rows.shape == (3, 2)
    assert nearest.rows[:, 0].tolist() == [1, 0, 1]


def test_evaluate_warns_of_test_pictures_that_were_saved_anew(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    data = tmp_path / "data"
    for index in range(24):
        part, label = ("train", "test")[index >= 16], "ab"[index % 2]
        place = data / part / label
        place.mkdir(parents=True, exist_ok=True)
        blocks = rng.integers(0, 255, (4, 4, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(blocks).save(place / f"{index}.png")
    # two pictures of train come again in test, one as a JPEG and one smaller
    first, second = (Image.open(data / "train" / "a" / f"{index}.png") for index in (0, 2))
    first.save(data / "test" / "a" / "again.jpg", quality=90)
    second.resize((24, 24), Image.Resampling.BOX).save(data / "test" / "a" / "small.png")
    listener = Listener()
    maskwright.evaluate(
        small_run.path,
        str(data),
        probe="knn",
        baselines=False,
        out=tmp_path / "out",
        reporter=listener,
        device="cpu",
    )
    assert "2 of 10 test pictures look nearly the same" in listener.text
    (report,) = (tmp_path / "out").glob("*.json")
    near = json.loads(report.read_text())["near_duplicates"]
    assert near["count"] == 2
    assert ["test/a/again.jpg", "train/a/0.png"] in near["pairs"]
