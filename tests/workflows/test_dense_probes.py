"""Probes of dense tasks on a real, small run: what they measure, draw, keep and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import maskwright
from maskwright.studies.measures import MeasureSettings
from maskwright.support.errors import MaskwrightError
from tests.workflows.dense_data import draw_squares
from tests.workflows.test_evaluate import Listener


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_squares(tmp_path_factory.mktemp("squares"))


def test_segmentation_tells_iou_by_class_with_baselines_a_figure_and_a_head(
    small_run: maskwright.Run, squares: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run.path, run)
    listener = Listener()
    probe = f"segmentation(maps='{squares / 'maps'}')"
    results = maskwright.evaluate(
        run, str(squares / "photos"), probe=probe, reporter=listener, device="cpu"
    )
    assert set(results) == {"this encoder", "random weights", "raw pixels"}
    told = results["this encoder"][probe]
    by_class = {row["class"]: row["iou"] for row in told["per_class"]}
    assert by_class["never"] is None, "a class that is never there has no IoU"
    both = (by_class["ground"]["value"] + by_class["square"]["value"]) / 2
    assert told["miou"]["value"] == pytest.approx(both)
    # bright and dark patches can be told apart; giving all the commonest class would reach this
    assert told["miou"]["low"] > told["majority"]["miou"]
    assert told["num_test"] == 6
    assert told["protocol"]["classes_weigh"] == "as their pixels"
    assert "No test map has never" in listener.text
    assert "mIoU" in listener.text
    files = sorted(path.name for path in (run / "eval").iterdir())
    assert sum(name.endswith(".png") for name in files) == 3
    assert sum(name.endswith(".safetensors") for name in files) == 1

    segmented = maskwright.open_run(run).segment(squares / "photos" / "000.png", device="cpu")
    truth = np.array(Image.open(squares / "maps" / "000.png"))
    assert segmented.classes == ("ground", "square", "never")
    assert segmented.numbers.shape == (1, 16, 16)
    assert (segmented.numbers[0] == truth - 1).mean() > 0.7


def test_a_head_of_other_weights_or_none_is_a_sentence(
    small_run: maskwright.Run, squares: Path, tmp_path: Path
) -> None:
    with pytest.raises(MaskwrightError, match="no segmentation head of these weights"):
        small_run.segment(squares / "photos" / "000.png")
    with pytest.raises(MaskwrightError, match="cannot be read"):
        small_run.segment(squares / "photos" / "000.png", head=tmp_path / "nothing.safetensors")


def test_regression_of_values_and_of_maps(
    small_run: maskwright.Run, squares: Path, tmp_path: Path
) -> None:
    values = f"regression(values='{squares / 'tops.csv'}')"
    maps = f"regression(maps='{squares / 'depth'}')"
    results = maskwright.evaluate(
        [small_run.path, "random"],
        str(squares / "photos"),
        probe=f"{values},{maps}",
        out=tmp_path,
        baselines=False,
        device="cpu",
    )
    first, _ = results.values()
    assert first[maps]["r2"]["value"] > 0.2
    assert len(first[values]["predicted"]) == 6
    (report,) = tmp_path.glob("*.json")
    (pair,) = json.loads(report.read_text())["differences"].values()
    assert {value["of"] for value in pair.values()} == {"mae"}
    assert len(list(tmp_path.glob("*regression*.png"))) == 2


def test_missing_maps_are_counted_and_named_and_tokens_come_from_the_cache(
    small_run: maskwright.Run, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    maps = tmp_path / "maps"
    shutil.copytree(squares / "maps", maps)
    (maps / "003.png").unlink()
    Image.fromarray(np.ones((8, 16), np.uint8)).save(maps / "004.png")
    said = []
    for _ in range(2):
        listener = Listener()
        maskwright.evaluate(
            small_run.path,
            str(squares / "photos"),
            probe=f"segmentation(maps='{maps}', balanced=True, blocks=all)",
            out=tmp_path / "out",
            baselines=False,
            figures=False,
            reporter=listener,
            device="cpu",
        )
        said.append(listener.text)
    assert "have no map and are left out: 003.png" in said[0]
    assert "have a map of another shape and are left out: 004.png" in said[0]
    assert "from cache" not in said[0]
    assert said[1].count("features from cache") == 2
    assert not list((tmp_path / "out").glob("*.png")), "no figures were asked for"


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ("segmentation(maps='/no/such/place')", "no maps at"),
        ("segmentation(blocks=al)", "Did you mean 'all'"),
        ("segmentation", "Which maps are the truth"),
        ("regression", "Which maps are the truth"),
        ("regression(values='a.csv', maps='b')", "give values or maps"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(
    small_run: maskwright.Run, squares: Path, tmp_path: Path, probe: str, said: str
) -> None:
    with pytest.raises(MaskwrightError, match=said):
        maskwright.evaluate(
            small_run.path, str(squares / "photos"), probe=probe, out=tmp_path, device="cpu"
        )


def test_a_study_compares_arms_by_mean_iou() -> None:
    measures = MeasureSettings.parse({"probes": ["knn", "segmentation(blocks=all)"], "masks": []})
    names = [metric.name for metric in measures.metrics()]
    assert names == ["knn top1", "knn top5", "segmentation(blocks=all) miou"]
    assert measures.main_metric.name == "segmentation(blocks=all) miou"
    assert measures.needs_labels
    assert not MeasureSettings.parse({"probes": ["segmentation"]}).needs_labels
