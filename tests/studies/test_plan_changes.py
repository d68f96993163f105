"""A packaged plan is changed by flags or copied out, and what would have no effect is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from maskwright.cli.main import main
from maskwright.studies.ablations import cross_ablations
from maskwright.studies.plan import build_plan, read_plan
from maskwright.studies.plan_changes import change_plan, copy_plan
from maskwright.studies.scorers import scorer_settings
from maskwright.studies.study import study
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.select_settings import build_select_settings
from tests.studies.conftest import QUICK


def test_flags_win_over_the_plan() -> None:
    plan = read_plan(
        "stl10-improvements",
        "somewhere",
        budget="none",
        only="laplacian; uniformity",
        probes="knn",
        assignments=["train.epochs=3", "model.patch_size=12", "evaluate.pictures=64"],
    )
    assert plan.budget is None
    assert [arm.name for arm in plan.arms] == ["original", "laplacian", "uniformity"]
    assert (plan.base["epochs"], plan.base["patch_size"]) == ("3", "12")
    assert plan.settings(plan.arms[0], 0).train.epochs == 3
    assert (plan.measures.probes, plan.measures.pictures) == (("knn",), 64)
    assert plan.measures.main_metric.name == "knn top1"
    # Workers read the plan from its file, so it must say the same there.
    assert build_plan(plan.written, "again").arms == plan.arms


def test_scorers_are_shortened_by_a_flag_and_only_where_a_plan_trains_any() -> None:
    plan = read_plan("learned-masker", None, assignments=["select.minutes=2", "data.limit=50"])
    assert plan.select is not None
    for arm in plan.arms:
        form = build_select_settings(None, scorer_settings(plan.select, arm))[1]
        assert form.minutes == 2
    with pytest.raises(MaskwrightError, match="trains no scorer"):
        read_plan("stl10-improvements", "somewhere", assignments=["select.minutes=2"])
    with pytest.raises(MaskwrightError, match="Did you mean 'minutes'"):
        read_plan("learned-masker", None, assignments=["select.minute=2"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"only": "laplacain"}, "Did you mean 'laplacian'"),
        ({"assignments": ["model.patchsize=8"]}, "Did you mean 'patch_size'"),
        ({"assignments": ["evaluate.probs=knn"]}, "Did you mean 'probes'"),
        ({"assignments": ["patch_size=8"]}, "Did you mean 'model.patch_size'"),
    ],
)
def test_a_slip_in_a_flag_is_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MaskwrightError, match=message):
        read_plan("stl10-improvements", "somewhere", **changes)


def test_a_setting_that_every_arm_overrules_is_refused() -> None:
    values = {"data": "x", "arms": {"a": {"ratio": 0.5}, "b": {"ratio": 0.75}}}
    with pytest.raises(MaskwrightError, match="Every arm of the plan sets ratio itself"):
        change_plan(values, {"assignments": ["mask.ratio=0.6"]})


def test_a_copy_runs_as_the_plan_does(tmp_path: Path) -> None:
    place = tmp_path / "plan.yaml"
    study("block-mae", copy=str(place), scale="full", seeds=2)
    text = place.read_text(encoding="utf-8")
    assert f"# maskwright study {place}" in text
    copied, plan = read_plan(place, "somewhere"), read_plan("block-mae", "somewhere", "full")
    assert copied.arms == plan.arms
    assert (copied.seeds, copied.measures, copied.base) == ((0, 1), plan.measures, plan.base)
    assert "scales" not in yaml.safe_load(text)
    with pytest.raises(MaskwrightError, match="exists already"):
        study("block-mae", copy=str(place))
    with pytest.raises(MaskwrightError, match=r"copied to a \.yaml file"):
        study("block-mae", copy=str(tmp_path / "plan"))


def test_a_setting_stays_on_one_line_of_a_copy(tmp_path: Path) -> None:
    place = tmp_path / "plan.yaml"
    study("facades", copy=str(place))
    lines = place.read_text(encoding="utf-8").splitlines()
    loss = "0.6*mse + 0.4*perceptual(extractor='timm:efficientnet_lite0', layers=[0, 1, 2])"
    assert f"      loss: {loss}" in lines


@pytest.mark.parametrize("flops", [4e13, 1.25e13, 123456789.5, 1e6, 999999.5, 1e-4, 3.0])
def test_a_number_of_operations_is_read_back_as_it_was(tmp_path: Path, flops: float) -> None:
    text = copy_plan({"budget": {"flops": flops}}, str(tmp_path / "a.yaml"), "x").read_text()
    assert yaml.safe_load(text) == {"budget": {"flops": flops}}
    assert "00000" not in text


def test_ablations_change_one_group_at_a_time() -> None:
    arms = cross_ablations(
        [{"ratio": [0.75, 0.5], "loss": ["mse", "+ 0.1*laplacian"]}, {"decoder_depth": [2, 4]}],
        {"loss": "mse"},
    )
    assert [arm.name for arm in arms] == [
        "base",
        "ratio=0.75, loss=+ 0.1*laplacian",
        "ratio=0.5, loss=mse",
        "ratio=0.5, loss=+ 0.1*laplacian",
        "decoder_depth=4",
    ]
    assert arms[0].settings == {"ratio": 0.75, "loss": "mse", "decoder_depth": 2}
    assert arms[4].settings == {"ratio": 0.75, "loss": "mse", "decoder_depth": 4}
    assert arms[4].levels == {"decoder_depth": "4"}
    with pytest.raises(MaskwrightError, match="in one group"):
        cross_ablations([{"ratio": [0.5, 0.75]}, {"ratio": [0.6, 0.7]}], {})


def test_a_dry_run_says_hours_and_disk(
    plan_values: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(plan_values))
    assert main(["study", str(path), "--out", str(tmp_path / "study"), "--dry-run"]) == 0
    said = capsys.readouterr()
    words = said.out + said.err
    assert "2 trials to run: about" in words
    assert "GB on disk" in words
    assert "measured on a few steps" in words
    assert not (tmp_path / "study").exists()


def test_a_plan_without_the_maps_that_an_arm_needs_is_refused(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    arms = {"random": {}, "by foreground": {"policy": "foreground"}}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump({**plan_values, "arms": arms}))
    with pytest.raises(MaskwrightError, match=r"Arm 'by foreground': .*foreground"):
        study(path, out=tmp_path / "study", heartbeat=QUICK)
    assert not (tmp_path / "study").exists()
