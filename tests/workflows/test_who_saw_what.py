"""What is trained on, held out and tested on in whole runs: parts do not meet, and where they do it
is said.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import maskwright
from maskwright.data.sources.open import open_source
from maskwright.studies.design import join_plan
from maskwright.studies.plan import build_plan
from maskwright.studies.running import RunningSettings
from maskwright.studies.study import run_plan
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.loading.labeled import find_split
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.loading.pictures import load
from maskwright.workflows.loading.seen import FILE, read_seen
from maskwright.workflows.select import _data_settings
from maskwright.workflows.settings.pretrain_settings import DataSettings
from maskwright.workflows.settings.select_settings import build_select_settings
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL
from tests.workflows.test_evaluate import Listener


def draw_classes(root: Path, **counts: int) -> Path:
    """A folder for each class with so many pictures, all different."""
    drawn = iter(draw_pictures(sum(counts.values()), seed=3))
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for at in range(count):
            Image.fromarray(next(drawn)).save(root / name / f"{at}.png")
    return root


def open_parts(data: Path, listener: Listener | None = None, **more: Any) -> Any:
    wanted = DataSettings(data=str(data), image_size=16, channels=3, **more)
    source = open_source(data, labels=wanted.labels)
    return load(wanted, source, 0, listener or Listener())


def result_of(run: maskwright.Run) -> dict[str, Any]:
    return json.loads(next((run.path / "eval").glob("*.json")).read_text())


def test_labels_never_stop_a_training(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", **{f"c{at}": 1 for at in range(170)})
    parts = open_parts(data)
    assert (len(parts.train), len(parts.held)) == (162, 8)


@pytest.mark.parametrize(
    ("val", "words"),
    [
        ("0.001", r"--val 0\.001 of 20 pictures leaves none to hold out"),
        ("0.99", r"--val 0\.99 of 20 pictures leaves none to train on"),
        ("50", r"--val 50 of 20 pictures leaves none to train on; .*--val 0\."),
        ("1.5", r"--val is a share such as 0\.1, a count such as 500, or other data; got '1\.5'"),
    ],
)
def test_a_val_that_cannot_be_is_named_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, val: str, words: str
) -> None:
    data = draw_classes(tmp_path / "d", a=10, b=10)
    source = open_source(data)
    monkeypatch.setattr("maskwright.workflows.loading.pictures.packed", None)  # decoding would fail
    with pytest.raises(MaskwrightError, match=words):
        load(
            DataSettings(data=str(data), image_size=16, channels=3, val=val), source, 0, Listener()
        )


@pytest.mark.parametrize(("val", "count"), [("0.25", 5), ("3", 3), ("0", 0), (None, 0)])
def test_val_is_a_share_or_a_count(tmp_path: Path, val: str | None, count: int) -> None:
    parts = open_parts(draw_classes(tmp_path / "d", a=10, b=10), val=val)
    assert len(parts.train) == 20 - count
    assert (0 if parts.held is None else len(parts.held)) == count


def test_other_held_out_data_is_numbered_as_train_is(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", a=4, b=4, c=4)
    other = draw_classes(tmp_path / "v", b=3, c=2)
    parts = open_parts(data, val=str(other))
    assert parts.held.labels.tolist() == [1, 1, 1, 2, 2]
    assert parts.held.classes == ("a", "b", "c")


def test_held_out_pictures_that_are_trained_on_are_counted(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", a=4, b=4)
    shutil.copytree(data, tmp_path / "v")
    listener = Listener()
    open_parts(data, listener, val=str(tmp_path / "v"))
    assert "8 of the 8 pictures" in listener.text
    assert "also trained on" in listener.text


@pytest.mark.parametrize(
    ("kind", "lack"), [("loose", "has no labels"), ("others", "names none of")]
)
def test_a_run_goes_on_without_knn_where_other_data_cannot_have_it(
    tmp_path: Path, kind: str, lack: str
) -> None:
    data = draw_classes(tmp_path / "d", a=12, b=12)
    other = draw_classes(tmp_path / "v", x=4, y=4)
    if kind == "loose":
        for file in list(other.rglob("*.png")):
            file.rename(other / f"{file.parent.name}{file.name}")
        for name in "xy":
            (other / name).rmdir()
    listener = Listener()
    run = maskwright.pretrain(
        data,
        out=tmp_path / "run",
        val=str(other),
        epochs=1,
        knn_every=1,
        reporter=listener,
        **SMALL,
    )
    assert f"'{other}' {lack}" in listener.text
    assert run.status["state"] == "finished"
    assert not any("knn_top1" in row for row in run.metrics)
    assert any("val_loss" in row for row in run.metrics)


def test_pictures_without_a_label_are_trained_on_and_take_no_part_in_knn(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", all=40)
    rows = [f"{at}.png,{'' if at % 4 == 0 else 'ab'[at % 2]}" for at in range(40)]
    (tmp_path / "l.csv").write_text("\n".join(["file,label", *rows]))
    run = maskwright.pretrain(
        data,
        out=tmp_path / "run",
        labels=str(tmp_path / "l.csv"),
        val="0.5",
        epochs=1,
        knn_every=1,
        **SMALL,
    )
    assert run.status["pictures"] == 20
    scores = [row["knn_top1"] for row in run.metrics if "knn_top1" in row]
    assert len(scores) == 1
    assert 0 <= scores[0] <= 1


def test_the_test_part_is_kept_out_of_training_and_found_again(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", a=20, b=20)
    run = maskwright.pretrain(data, out=tmp_path / "run", test_size=0.25, steps=2, **SMALL)
    listener = Listener()
    maskwright.evaluate(run.path, probe="knn", baselines=False, figures=False, reporter=listener)
    told = result_of(run)
    assert told["seen"] == {"this encoder": {"test_pictures_trained_on": 0, "of": 10}}
    assert "set apart for a test" in told["protocol"]
    assert "trained on (without labels)" not in listener.text
    # The same pictures that an evaluation without a run would have taken.
    alone = find_split(LabeledSettings(data=str(data))).open((16, 16), 3, Listener())
    parts = open_parts(data, test_size=0.25)
    assert set(alone.test.keys) == set(parts.test.keys)


def test_the_test_part_is_the_same_for_every_seed_and_limit(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", a=20, b=20)
    source = open_source(data)
    keys = []
    for seed, limit in ((0, None), (1, None), (1, 12)):
        wanted = DataSettings(
            data=str(data), image_size=16, channels=3, val="4", test_size=0.25, limit=limit
        )
        parts = load(wanted, source, seed, Listener())
        keys.append(set(parts.test.keys))  # type: ignore[union-attr]
        assert not keys[0] & {*parts.train.keys, *parts.held.keys}  # type: ignore[union-attr]
    assert keys[0] == keys[1] == keys[2]


def test_labels_that_come_later_are_tested_on_what_was_set_apart(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", all=40)
    run = maskwright.pretrain(data, out=tmp_path / "run", test_size=0.25, steps=2, **SMALL)
    rows = [f"{at}.png,{'ab'[at % 2]}" for at in range(40)]
    (tmp_path / "l.csv").write_text("\n".join(["file,label", *rows]))
    labels = str(tmp_path / "l.csv")
    maskwright.evaluate(run.path, labels=labels, probe="knn", baselines=False, figures=False)
    assert result_of(run)["seen"]["this encoder"] == {"test_pictures_trained_on": 0, "of": 10}


@pytest.mark.parametrize("moved", [False, True])
def test_test_pictures_that_a_run_has_seen_are_counted(tmp_path: Path, moved: bool) -> None:
    data = draw_classes(tmp_path / "d", a=20, b=20)
    run = maskwright.pretrain(data, out=tmp_path / "run", steps=2, **SMALL)
    asked: dict[str, Any] = {}
    if moved:  # other place, other names, equal pixels
        for at, file in enumerate(sorted(data.rglob("*.png"))):
            place = tmp_path / "copy" / file.parent.name / f"other{at}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        asked = {"data": str(tmp_path / "copy")}
    listener = Listener()
    maskwright.evaluate(
        run.path, probe="knn", baselines=False, figures=False, reporter=listener, **asked
    )
    assert "10 of 10 test pictures are among those that" in listener.text
    assert result_of(run)["seen"]["this encoder"] == {"test_pictures_trained_on": 10, "of": 10}


def test_a_run_without_a_record_is_said_to_have_none(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", a=20, b=20)
    run = maskwright.pretrain(data, out=tmp_path / "run", steps=2, **SMALL)
    (run.path / FILE).unlink()
    listener = Listener()
    maskwright.evaluate(run.path, probe="knn", baselines=False, figures=False, reporter=listener)
    assert "does not record which pictures" in listener.text
    assert result_of(run)["seen"] == {"this encoder": None}


def test_rows_of_another_split_are_not_taken_for_seen(tmp_path: Path) -> None:
    pixels = draw_pictures(60)
    labels = np.arange(60) % 2
    file = tmp_path / "x.npz"
    np.savez(
        file,
        train_images=pixels[:40],
        train_labels=labels[:40],
        test_images=pixels[40:],
        test_labels=labels[40:],
    )
    run = maskwright.pretrain(file, out=tmp_path / "run", split="train", steps=2, **SMALL)
    maskwright.evaluate(run.path, probe="knn", baselines=False, figures=False)
    assert result_of(run)["seen"]["this encoder"] == {"test_pictures_trained_on": 0, "of": 20}


def test_equal_pictures_in_train_and_test_splits_are_counted(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d" / "train", a=10, b=10).parent
    draw = iter(draw_pictures(8, seed=9))
    for name in "ab":
        (data / "test" / name).mkdir(parents=True)
        for at in range(4):
            Image.fromarray(next(draw)).save(data / "test" / name / f"t{at}.png")
    shutil.copy(data / "train/a/3.png", data / "test/a/again.png")
    found = find_split(LabeledSettings(data=str(data))).open((16, 16), 3, Listener())
    assert found.repeated == 1
    assert any("1 of 9 test pictures are also among those learned from" in n for n in found.notes)


def test_windows_of_a_prepared_picture_are_on_one_side_of_every_split(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", a=20, b=20)
    store = open_parts(data).train
    keys = tuple(f"{key.removesuffix('#2')}" for key in store.keys)
    doubled = dataclasses.replace(
        store.subset([at for at in range(40) for _ in (0, 1)]),
        keys=tuple(key + mark for key in keys for mark in ("", "#2")),
        pixel_hashes=torch.arange(80),
    )
    split = find_split(LabeledSettings(data=str(data)))
    train, test = split.cut(doubled)
    assert len(test) == 20
    assert not {key.split("#")[0] for key in train.keys} & {key.split("#")[0] for key in test.keys}


def test_what_a_run_has_seen_is_in_its_folder(small_run: maskwright.Run) -> None:
    seen = read_seen(small_run.path)
    assert seen is not None
    assert len(seen.names) == len(seen.pixels) == small_run.status["pictures"]
    assert len(seen.test) == 0


def test_a_scorer_is_held_out_from_as_its_run_was(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", all=40)
    rows = [f"{at}.png,{'aaab'[at % 4]}" for at in range(40)]
    (tmp_path / "l.csv").write_text("\n".join(["file,label", *rows]))
    labels = str(tmp_path / "l.csv")
    run = maskwright.pretrain(
        data, out=tmp_path / "run", labels=labels, val="0.25", test_size=0.2, steps=2, **SMALL
    )
    _, chosen = build_select_settings(None, {})
    wanted = _data_settings(run, None, chosen, run.load())
    own = load(run.settings.data, open_source(data, labels=labels), 0, Listener())
    again = load(wanted, open_source(data, labels=wanted.labels), 0, Listener())
    assert own.held is not None
    assert again.held is not None
    assert own.held.keys == again.held.keys


@pytest.mark.parametrize(
    ("root", "spared"),
    [("train/a train/b test/a test/b", {"split": "train"}), ("a b", {"test_size": 0.25})],
)
def test_a_study_trains_on_nothing_that_it_tests_on(
    tmp_path: Path, root: str, spared: dict[str, Any]
) -> None:
    data = draw_classes(tmp_path / "d", **dict.fromkeys(root.split(), 8))
    values = {"data": str(data), "arms": {"random": {}, "grid": {"policy": "grid"}}, "seeds": 1}
    plan = join_plan(build_plan(values, "tiny"), tmp_path / "study")
    assert {name: plan.base.get(name) for name in spared} == spared
    elsewhere = {**values, "evaluate": {"data": str(tmp_path), "probes": ["knn"]}}
    other = join_plan(build_plan(elsewhere, "tiny"), tmp_path / "other")
    assert other.base.get("test_size") is None


def test_a_search_without_labels_in_its_other_data_says_so(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", a=10, b=10)
    other = draw_classes(tmp_path / "v", x=4)
    base = {**SMALL, "val": str(other), "test_size": 0.25}
    # An option of the command and no setting, so that a plan does not know it.
    del base["checkup"]
    values = {
        "data": str(data),
        "base": base,
        "arms": {"random": {}, "grid": {"policy": "grid"}},
        "seeds": 1,
        "budget": {"steps": 2},
        "search": {"lr": {"low": 1e-4, "high": 1e-2, "log": True}},
        "evaluate": {"probes": ["knn"], "masks": []},
    }
    with pytest.raises(MaskwrightError, match="A search is led by k-NN"):
        run_plan(build_plan(values, "tiny"), RunningSettings(out=tmp_path / "s", search=1))


def test_the_batch_is_chosen_for_the_pictures_that_are_left_to_train_on(tmp_path: Path) -> None:
    data = draw_classes(tmp_path / "d", a=5)
    wanted = {**SMALL, "val": "0.2", "batch_size": 8, "knn_every": 0}
    run = maskwright.pretrain(data, out=tmp_path / "run", steps=2, **wanted)
    assert run.settings.train.batch_size == 4
