"""Evaluate on a real, small run: every probe, several encoders, the feature cache, and what goes
wrong in a sentence.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import maskwright
from maskwright.evaluation.feature_cache import FeatureCache
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.listing import list_probes
from maskwright.workflows.measuring.probes.attentive import token_set
from maskwright.workflows.measuring.probes.catalog import PROBES, parse_probes
from maskwright.workflows.measuring.probes.gradient import usual_batch
from maskwright.workflows.measuring.subjects import name_runs
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL

QUICK = {
    "linear_official": "linear_official(epochs=3,batch=8)",
    "linear_adam": "linear_adam(epochs=2,batch=8)",
    "attentive": "attentive(epochs=2,batch=8)",
    "few_shot": "few_shot(shots=2,draws=2)",
    "cross_validated": "cross_validated(folds=2)",
    "finetune": "finetune(epochs=1)",
}
TESTED = {"cross_validated": 60}


class Listener:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(f"note: {text}")

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        pass

    def finish(self) -> None:
        pass

    @property
    def text(self) -> str:
        return "\n".join(self.said)


CLASS_PROBES = [name for name, entry in PROBES.items() if entry.load().task == "classes"]


@pytest.mark.parametrize("name", CLASS_PROBES)
def test_every_probe_tells_its_numbers_and_protocol(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path, name: str
) -> None:
    line = QUICK.get(name, name)
    results = small_run.evaluate(line, data=str(shared_photos), out=tmp_path, baselines=False)
    (told,) = results["this encoder"].values()
    assert told["probe"] == name
    # Cross-validation tests the train pictures, too.
    num_test = TESTED.get(name, 20)
    assert (told["num_test"], told["seed"]) == (num_test, 0)
    assert 0 <= told["top1"]["low"] <= told["top1"]["value"] <= told["top1"]["high"] <= 1
    assert told["protocol"]
    (saved,) = tmp_path.glob("*.json")
    assert json.loads(saved.read_text())["results"]["this encoder"].popitem()[1] == json.loads(
        json.dumps(told)
    )
    if name != "few_shot":
        assert sum(int(count) for row in told["confusion"] for count in row.split()) == num_test
        assert told["correct"].count("1") / num_test == pytest.approx(told["top1"]["value"])
        assert list(tmp_path.glob("*confusion*.png"))


def test_a_probe_that_joins_both_parts_says_so(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    listener = Listener()
    small_run.evaluate(
        "cross_validated(folds=2)",
        data=str(shared_photos),
        out=tmp_path,
        baselines=False,
        figures=False,
        reporter=listener,
    )
    assert "40 pictures to fit on, 20 to test on" in listener.text
    assert listener.text.count("joins both parts: all 60 are tested, in 2 folds") == 1


def test_each_readout_has_features_of_its_own_in_the_cache_and_stands_in_the_report(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    said: dict[str, str] = {}
    for features in ("last", "grid", "grid"):
        listener = Listener()
        small_run.evaluate(
            "knn",
            data=str(shared_photos),
            out=tmp_path / features,
            features=features,
            figures=False,
            reporter=listener,
        )
        said[features + str(len(said))] = listener.text
    assert said["grid1"].count("features from cache") == 2  # raw pixels are read in one way only
    assert said["grid2"].count("features from cache") == 6
    assert "one mean per quarter of the picture, of the last block, 96 numbers" in said["grid1"]
    (written,) = (tmp_path / "grid").glob("*.json")
    assert written.name.endswith("-knn-grid.json")
    read = json.loads(written.read_text())["features"]
    own = {"features": "grid", "blocks": [1], "cells": 4, "deviation": False, "width": 96}
    assert read["this encoder"] == read["random weights"] == own
    assert read["raw pixels"] == {"features": "pixels, shrunk to at most 16x16"}


def test_the_official_probe_reads_the_last_block_whatever_the_others_read(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    top1 = {}
    for features in ("last", "grid"):
        results = small_run.evaluate(
            QUICK["linear_official"],
            data=str(shared_photos),
            out=tmp_path / features,
            features=features,
            figures=False,
            baselines=False,
        )
        (told,) = results["this encoder"].values()
        top1[features] = told["top1"]
    assert top1["last"] == top1["grid"]


def test_unknown_features_are_refused_before_anything_is_opened(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    with pytest.raises(MaskwrightError, match=r"Unknown features 'lst'.*Did you mean 'last'"):
        small_run.evaluate("knn", data="/no/such/place", out=tmp_path, features="lst")


def test_a_second_evaluation_takes_features_from_the_cache(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))

    def run(**changes: object) -> tuple[dict[str, object], str]:
        listener = Listener()
        results = small_run.evaluate(
            data=str(shared_photos),
            out=tmp_path / "out",
            figures=False,
            reporter=listener,
            **changes,
        )
        return results, listener.text

    first, said = run()
    again, said_again = run()
    fresh, said_fresh = run(cache=False)
    assert first == again == fresh
    assert "from cache" not in said + said_fresh
    assert said_again.count("features from cache") == 6
    files = sorted((tmp_path / "cache" / "features").iterdir())
    assert len(files) == 6
    files[0].write_bytes(b"broken")
    repaired, said_repaired = run()
    assert repaired == first
    assert "are damaged" in said_repaired
    assert said_repaired.count("features from cache") == 5


def test_other_weights_or_pictures_are_other_features(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    options = {
        "data": str(shared_photos),
        "probe": "knn",
        "baselines": False,
        "out": tmp_path,
        "figures": False,
    }
    for changes in ({}, {"limit": 10}, {"limit": 10, "seed": 1}):
        maskwright.evaluate(small_run.path, **options, **changes)
    maskwright.evaluate("random", **options)
    assert len(list((tmp_path / "cache" / "features").iterdir())) == 8
    other = tmp_path / "other.ckpt"  # the same run but for one number of one weight
    content = torch.load(small_run.checkpoint(), weights_only=True)
    content["state_dict"]["model.encoder.norm.bias"][0] += 1
    torch.save(content, other)
    maskwright.evaluate(other, **options)
    assert len(list((tmp_path / "cache" / "features").iterdir())) == 10


def test_the_oldest_features_go_when_there_is_too_much(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, Listener(), most_bytes=3000)
    for key in ("a", "b", "c"):
        cache.fetch(key, key, lambda: {"mean": torch.zeros(250)})
        (tmp_path / f"{key}.safetensors").touch()
    assert sorted(file.stem for file in tmp_path.glob("*.safetensors")) == ["b", "c"]


def test_features_that_another_worker_takes_away_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone.safetensors").symlink_to(tmp_path / "nowhere")  # listed, and then not there
    listener = Listener()
    cache = FeatureCache(tmp_path, listener, most_bytes=10_000)
    cache.fetch("a", "a", lambda: {"mean": torch.zeros(10)})
    kept = tmp_path / "a.safetensors"

    def take_away(file: Path) -> dict[str, torch.Tensor]:
        kept.unlink()
        return {"mean": torch.ones(10)}

    monkeypatch.setattr("maskwright.evaluation.feature_cache.load_file", take_away)
    assert cache.fetch("a", "a", dict)["mean"].sum() == 10
    assert not kept.exists(), "marking it as used must not leave an empty file"

    def gone(file: Path) -> dict[str, torch.Tensor]:
        raise FileNotFoundError(file)

    kept.write_bytes(b"")
    monkeypatch.setattr("maskwright.evaluation.feature_cache.load_file", gone)
    assert cache.fetch("a", "a", lambda: {"mean": torch.zeros(3)})["mean"].shape == (3,)
    assert "damaged" not in listener.text


def test_several_encoders_share_a_table_and_are_compared_on_the_same_pictures(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(small_run.path, twin)
    listener = Listener()
    results = maskwright.evaluate(
        [small_run.path, twin, "random"],
        str(shared_photos),
        probe="knn",
        out=tmp_path,
        reporter=listener,
    )
    assert list(results) == ["small", "twin", "random", "random weights", "raw pixels"]
    (saved,) = tmp_path.glob("*.json")
    differences = json.loads(saved.read_text())["differences"]
    assert differences["twin - small"]["knn"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    wanted = results["random"]["knn"]["top1"]["value"] - results["small"]["knn"]["top1"]["value"]
    assert differences["random - small"]["knn"]["value"] == pytest.approx(wanted)
    # Two classes: the AUROC, which is shown, has a paired difference too.
    ranked = {name: result["knn"]["auroc"]["value"] for name, result in results.items()}
    paired = differences["random - small"]["knn AUROC"]
    assert paired["value"] == pytest.approx(ranked["random"] - ranked["small"])
    assert differences["twin - small"]["knn AUROC"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert "twin - small" in listener.text


def test_layers_draw_accuracy_by_depth_and_end_with_the_linear_probe(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    results = small_run.evaluate(
        "layers,linear(pooling='mean')", data=str(shared_photos), out=tmp_path, shots="2"
    )
    told = results["this encoder"]["layers"]
    assert [row["layer"] for row in told["by_layer"]] == [1]
    assert "layers" not in results["raw pixels"]
    assert "few_shot 2" in results["raw pixels"]
    assert len(list(tmp_path.glob("*-by_depth.png"))) == 1


def test_classes_are_matched_by_name_and_unknown_ones_are_wrong(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    pictures = draw_pictures(40)
    for index, picture in enumerate(pictures):
        part, names = ("train", "bc") if index < 20 else ("test", "abc")
        place = tmp_path / "odd" / part / names[index % len(names)]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture // 4 + 90 * "abc".index(place.name)).save(place / f"{index}.png")
    listener = Listener()
    told = maskwright.evaluate(
        small_run.path,
        str(tmp_path / "odd"),
        probe="linear",
        baselines=False,
        out=tmp_path,
        figures=False,
        reporter=listener,
    )
    by_label = {row["label"]: row["top1"] for row in told["this encoder"]["linear"]["per_class"]}
    assert by_label[2] == 0.0
    assert by_label[0] == by_label[1] == 1.0
    assert "Class 'a' has test images but no train images" in listener.text


def _folders(root: Path, places: dict[str, int]) -> Path:
    pictures = iter(draw_pictures(sum(places.values())))
    for place, count in places.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.fromarray(next(pictures)).save(root / place / f"{index}.png")
    return root


@pytest.mark.parametrize(
    ("places", "fragment"),
    [
        (
            {"train/a": 4, "test/a": 2, "test/b": 2},
            "The split 'train' of .* has one folder of pictures only, 'a': one class",
        ),
        ({"train/a": 4, "train/b": 4, "test": 3}, "The split 'test' of .* has no labels"),
        ({"a": 6}, "has one folder of pictures only, 'a': one class, and at least two"),
        ({".": 6}, "no class folders"),
    ],
)
def test_labels_that_are_missing_are_a_sentence(
    small_run: maskwright.Run, tmp_path: Path, places: dict[str, int], fragment: str
) -> None:
    data = _folders(tmp_path / "data", places)
    with pytest.raises(MaskwrightError, match=fragment):
        maskwright.evaluate(small_run.path, str(data), probe="knn")


def test_a_test_split_alone_is_not_enough(small_run: maskwright.Run, tmp_path: Path) -> None:
    data = _folders(tmp_path / "data", {"a": 4, "b": 4})
    with pytest.raises(MaskwrightError, match="say which to fit on by --train-split"):
        maskwright.evaluate(small_run.path, str(data), probe="knn", test_split="test")


def test_a_class_token_that_is_not_there_is_a_sentence(shared_photos: Path, tmp_path: Path) -> None:
    without = maskwright.pretrain(
        shared_photos, out=tmp_path / "run", split="train", steps=1, class_token=False, **SMALL
    )
    with pytest.raises(
        MaskwrightError,
        match="needs a class token and the encoder 'this encoder' has none; use mean",
    ):
        without.evaluate("knn(pooling='cls')", data=str(shared_photos))
    told = without.evaluate(
        "linear,linear_official(epochs=1)", data=str(shared_photos), baselines=False, figures=False
    )
    assert told["this encoder"]["linear"]["pooling"] == "mean"
    assert "no class token" in told["this encoder"]["linear_official(epochs=1)"]["notes"][0]


def test_few_pictures_are_said(small_run: maskwright.Run, tmp_path: Path) -> None:
    data = _folders(tmp_path / "data", {"train/a": 5, "train/b": 1, "test/a": 2, "test/b": 2})
    listener = Listener()
    maskwright.evaluate(
        small_run.path, str(data), baselines=False, out=tmp_path, figures=False, reporter=listener
    )
    assert "Class 'b' has one train image" in listener.text
    assert "k = 20 is more than the train images at hand; used k = 6" in listener.text


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("knnn", "Did you mean 'knn'"),
        ("knn(kk=3)", "has no option 'kk'"),
        ("knn(k=0)", "at least 1"),
        ("knn(pooling='max')", "pooling is one of"),
        ("linear(pooling='men')", "Did you mean 'mean'"),
        ("few_shot(shots='lots')", "Shots are"),
        ("attentive(queries=0)", "queries is at least 1"),
        ("knn(", "Could not read"),
        ("0.5*knn", "written like"),
        ("", "No probe"),
    ],
)
def test_probes_that_make_no_sense_are_refused(line: str, fragment: str) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        parse_probes(line)


def test_the_catalog_lists_options() -> None:
    _, rows = list_probes()
    listed = {row[0]: row[2] for row in rows}
    assert set(listed) == set(PROBES)
    assert "k=20" in listed["knn"]
    assert "temperature=0.07" in listed["knn"]


def test_tokens_are_the_same_in_memory_and_made_anew(
    small_run: maskwright.Run, shared_photos: Path
) -> None:
    from maskwright.workflows.loading.labeled_settings import LabeledSettings
    from maskwright.workflows.measuring.evaluation import EvaluationContext, probe_contexts
    from maskwright.workflows.measuring.subjects import load_encoders

    cpu = torch.device("cpu")
    asked = LabeledSettings(data=str(shared_photos))
    listener = Listener()
    encoders = load_encoders([small_run.path], ["this encoder"], None, cpu)
    shared = EvaluationContext(
        pictures=asked, baselines=False, cache=False, device=cpu, seed=0, reporter=listener
    )
    ((context, _),) = probe_contexts(encoders, shared)
    ids = torch.tensor([7, 0, 3])
    kept, anew = (token_set(context, context.test, most_bytes=most).of(ids) for most in (2**30, 0))
    assert anew.shape == (3, 16, 24)
    assert torch.allclose(kept, anew, atol=2e-2, rtol=1e-2)


def test_names_of_runs_are_short_and_different() -> None:
    assert name_runs(["runs/a"]) == ["this encoder"]
    assert name_runs(["x/a", "x/b", "timm:vit_tiny_patch16_224"]) == [
        "a",
        "b",
        "timm:vit_tiny_patch16_224",
    ]
    assert name_runs(["x/a", "y/a"]) == ["x/a", "y/a"]
    assert name_runs(["x/a", "x/a"]) == ["x/a #1", "x/a #2"]


@pytest.mark.parametrize(("count", "batch"), [(400_000, 16_384), (5_000, 256), (40, 4), (8, 2)])
def test_the_official_batch_shrinks_with_the_set(count: int, batch: int) -> None:
    assert usual_batch(count) == batch


@pytest.mark.parametrize("line", ["knn(k=x)", "cross_validated(folds=x)", "linear(held_out=x)"])
def test_a_word_in_place_of_a_number_is_refused_by_its_name(line: str) -> None:
    option = line.partition("(")[2].partition("=")[0]
    with pytest.raises(MaskwrightError, match=rf"{option}.* a (whole )?number.*got 'x'"):
        parse_probes(line)
