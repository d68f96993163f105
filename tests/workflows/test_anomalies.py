"""Anomalies on a real, small run: ranked pictures, heat maps, AUROC where labels exist."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import maskwright
from maskwright.support.errors import MaskwrightError
from tests.workflows.test_evaluate import Listener


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, shared_photos: Path) -> Path:
    """The test pictures of the run's data, and five of noise that the run never saw."""
    root = tmp_path_factory.mktemp("odd")
    (root / "good").mkdir()
    for path in sorted((shared_photos / "test").rglob("*.png"))[:12]:
        shutil.copy(path, root / "good" / path.name)
    rng = np.random.default_rng(0)
    (root / "noise").mkdir()
    for index in range(5):
        noise = rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(noise).save(root / "noise" / f"noise{index}.png")
    return root


def test_noise_is_found_among_pictures_like_those_of_the_training(
    small_run: maskwright.Run, odd: Path, tmp_path: Path
) -> None:
    listener = Listener()
    found = maskwright.anomalies(
        small_run.path, odd, out=tmp_path, maps=True, device="cpu", reporter=listener
    )
    # two epochs teach hardly any filling in, but noise has neighbors nowhere
    farthest = found.scores["neighbors"].argsort(descending=True)[:5].tolist()
    assert all("noise" in found.names[at] for at in farthest)
    assert found.measured["run"]["neighbors"]["auroc"]["value"] == 1
    assert found.measured["run"]["mean picture"]["auroc"]["value"] < 1
    assert set(found.measured) == {"run", "random weights"}
    assert {"reconstruction", "neighbors", "mean picture"} == set(found.scores)
    assert "17 pictures to look at (anomalies: noise), beside 40 normal pictures" in listener.text
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    assert [row["rank"] for row in rows[:3]] == ["1", "2", "3"]
    assert {row["label"] for row in rows} == {"good", "noise"}
    report = json.loads((tmp_path / "anomalies.json").read_text())
    assert report["ranked_by"] == "reconstruction"
    assert report["normal_pictures"] == 40
    assert (tmp_path / "sheet.png").exists()
    with np.load(tmp_path / "maps.npz") as maps:
        assert maps["neighbors"].shape == maps["reconstruction"].shape == (17, 16, 16)


def test_scores_do_not_depend_on_the_other_pictures(
    small_run: maskwright.Run, odd: Path, tmp_path: Path
) -> None:
    options = {"baselines": False, "device": "cpu", "subsample": "coreset", "bank": 50}
    whole = maskwright.anomalies(small_run.path, odd, out=tmp_path / "a", **options)
    part = maskwright.anomalies(small_run.path, odd / "noise", out=tmp_path / "b", **options)
    places = {Path(name).name: at for at, name in enumerate(whole.names)}
    for at, name in enumerate(part.names):
        for kind, scores in part.scores.items():
            other = whole.scores[kind][places[Path(name).name]]
            assert float(scores[at]) == pytest.approx(float(other), rel=1e-4)
    assert part.measured == {"run": {}}, "without labels nothing is measured"


def test_pictures_of_the_training_and_of_other_channels_are_told(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    gray = tmp_path / "gray"
    gray.mkdir()
    for path in sorted((shared_photos / "test").rglob("*.png"))[:3]:
        Image.open(path).convert("L").save(gray / path.name)
    listener = Listener()
    maskwright.anomalies(small_run.path, gray, out=tmp_path / "a", device="cpu", reporter=listener)
    assert "trained on color pictures and these are gray" in listener.text
    listener = Listener()
    maskwright.anomalies(
        small_run.path,
        shared_photos / "train",
        out=tmp_path / "b",
        device="cpu",
        reporter=listener,
        baselines=False,
        anomalous="dark",
    )
    assert "are among the normal ones (equal pixels)" in listener.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"anomalous": "nois"}, "no class 'nois'.*Did you mean 'noise'"),
        ({"ratio": 0.99}, "ratio lies between"),
        ({"subsample": "core"}, "subsample"),
    ],
)
def test_mistakes_are_sentences(
    small_run: maskwright.Run, odd: Path, tmp_path: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises(MaskwrightError, match=said):
        maskwright.anomalies(small_run.path, odd, out=tmp_path, device="cpu", **options)


def test_weights_that_say_nothing_of_their_data_need_normal_pictures(
    small_run: maskwright.Run, odd: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "encoder.safetensors"
    shutil.copy(small_run.path / "exported" / "encoder.safetensors", alone)
    with pytest.raises(MaskwrightError, match="--normal PHOTOS"):
        maskwright.anomalies(alone, odd, out=tmp_path / "a", device="cpu")
    listener = Listener()
    found = maskwright.anomalies(
        alone, odd, normal=str(odd / "good"), out=tmp_path / "b", device="cpu", reporter=listener
    )
    assert "no decoder" in listener.text
    assert set(found.scores) == {"neighbors", "mean picture"}
