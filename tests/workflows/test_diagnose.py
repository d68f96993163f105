"""`maskwright diagnose` asks runs and baselines, and leaves a figure and a JSON for each test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import maskwright
from maskwright.cli.main import main
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.measuring.subjects import shortest_names
from tests.workflows.conftest import SMALL

AGREE = "shapes-textures:n=120,size=16,cues=agree"
CONFLICT = "shapes-textures:n=80,size=16,cues=conflict"
FREE = "shapes-textures:n=80,size=16,labels=texture"


@pytest.fixture(scope="module")
def asked(small_run: maskwright.Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("diagnose")
    tests = "lowpass(sigmas=[1], cutoffs=[2]), highpass(cutoffs=[2]), cue-conflict, texture"
    maskwright.diagnose(
        small_run.path, AGREE, tests=tests, stimuli=CONFLICT, textures=FREE, out=out, device="cpu"
    )
    return out


@pytest.mark.parametrize("name", ["lowpass", "highpass", "cue-conflict", "texture"])
def test_each_test_leaves_a_figure_and_numbers_of_all_subjects(asked: Path, name: str) -> None:
    with Image.open(asked / f"{name}.png") as figure:
        assert min(figure.size) > 400
    report = json.loads((asked / f"{name}.json").read_text())
    assert [one["subject"] for one in report["findings"]] == [
        "small",
        "random weights",
        "raw pixels",
    ]
    assert all(
        one["control"] and one["numbers"] and one["seconds"] > 0 for one in report["findings"]
    )
    assert report["split"] == "splits train and test of shapes-textures"


def test_leads_are_said_for_the_encoder_alone(asked: Path) -> None:
    findings = json.loads((asked / "texture.json").read_text())["findings"]
    assert ["lead over random weights" in one["numbers"] for one in findings] == [
        True,
        False,
        False,
    ]


def test_two_runs_share_one_figure_and_baselines_can_be_left_out(
    small_run: maskwright.Run, tmp_path: Path, shared_photos: Path
) -> None:
    copy = tmp_path / "copy.ckpt"
    copy.write_bytes(small_run.checkpoint().read_bytes())
    found = maskwright.diagnose(
        [small_run.path, copy],
        shared_photos,
        tests="lowpass(sigmas=[1])",
        baselines=False,
        out=tmp_path / "out",
        device="cpu",
    )
    first, second = found["lowpass"]
    assert (first.subject, second.subject) == ("small", "copy.ckpt")
    assert dict(first) == dict(second)
    # The same weights twice: paired by picture, nothing differs, and there is no spread either.
    report = json.loads((tmp_path / "out" / "lowpass.json").read_text())
    differences = report["differences"]["copy.ckpt - small"]
    assert {"clean", "blur 1"} <= differences.keys()
    assert differences["clean"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_names_are_as_short_as_tells_them_apart(tmp_path: Path) -> None:
    for place in ("a/stl", "b/stl", "b/cifar"):
        (tmp_path / place).mkdir(parents=True)
    root = str(tmp_path)
    assert shortest_names([f"{root}/a/stl", f"{root}/b/cifar"]) == ["stl", "cifar"]
    assert shortest_names([f"{root}/a/stl", f"{root}/b/stl", "timm:vit"]) == [
        "a/stl",
        "b/stl",
        "timm:vit",
    ]


def test_a_folder_of_stimuli_in_geirhos_layout_is_found_below_its_archive(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    root = tmp_path / "stimuli"
    for place in (
        "style-transfer/disk/disk1-checks1.png",
        "style-transfer/square/square1-stripes1.png",
        "edges/disk/disk1.png",
    ):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (len(place), 90, 40)).save(root / place)
    found = maskwright.diagnose(
        small_run.path,
        AGREE,
        tests="cue-conflict(decode=False)",
        stimuli=str(root),
        out=tmp_path / "out",
        device="cpu",
        limit=60,
    )
    assert dict(found["cue-conflict"][0])["pictures"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tests": "cue-conflict"}, "cue-conflict needs --stimuli PLACE"),
        ({"tests": "texture"}, "texture needs --textures PLACE"),
        (
            {"tests": "lowpass", "stimuli": CONFLICT},
            "--stimuli is used by none of the tests lowpass",
        ),
        ({"tests": "blurry"}, "Unknown diagnostic 'blurry'"),
        ({"tests": "cue-conflict", "stimuli": AGREE}, "No picture has two different cues"),
    ],
)
def test_mistakes_are_one_sentence(
    small_run: maskwright.Run, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(MaskwrightError, match=message):
        maskwright.diagnose(small_run.path, AGREE, out=tmp_path, device="cpu", **options)


def test_pictures_without_labels_are_refused(
    small_run: maskwright.Run, tmp_path: Path, shared_photos: Path
) -> None:
    with pytest.raises(MaskwrightError, match="no class folders and no labels"):
        maskwright.diagnose(
            small_run.path, shared_photos / "train" / "dark", out=tmp_path, device="cpu"
        )


def test_the_command_prints_a_table(
    small_run: maskwright.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "diagnose",
        str(small_run.path),
        "--on",
        AGREE,
        "--tests",
        "highpass(cutoffs=[2])",
        "--baselines",
        "false",
        "--out",
        str(tmp_path),
    ]
    assert main([*words, "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "high-pass 2" in printed
    assert "Hold against" in printed
    assert main(["list", "diagnostics"]) == 0
    assert "cue-conflict" in capsys.readouterr().out


def test_rendered_pictures_serve_pretraining_and_evaluation(tmp_path: Path) -> None:
    run = maskwright.pretrain(
        "shapes-textures:n=48,size=16", out=tmp_path / "run", epochs=1, **SMALL
    )
    results = run.evaluate(probe="linear", baselines=False, device="cpu")
    assert results["this encoder"]["linear"]["num_train"] == 48
    assert results["this encoder"]["linear"]["num_test"] == 12


def test_stylized_pictures_of_other_classes_are_refused_before_anything_is_measured(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    for name in ("yak", "zebra"):
        picture = tmp_path / "stylized" / name / "1.png"
        picture.parent.mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(picture)
    with pytest.raises(MaskwrightError, match="not those of the clean ones: yak, zebra"):
        maskwright.diagnose(
            small_run.path,
            AGREE,
            tests="stylized",
            stylized=str(tmp_path / "stylized"),
            out=tmp_path / "out",
            device="cpu",
        )
    assert not (tmp_path / "out").exists()
