"""What could not be measured is refused before anything trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from maskwright.studies.design import Design, design_study
from maskwright.studies.plan import build_plan
from maskwright.studies.report.notes import rate_words
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter
from tests.conftest import draw_pictures


@pytest.fixture
def unlabeled(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, picture in enumerate(draw_pictures(12)):
        Image.fromarray(picture).save(folder / f"{index}.png")
    return folder


def design(values: dict[str, Any], **changes: Any) -> Design:
    return design_study(build_plan({**values, **changes}, "tiny"), LogReporter())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"probes": ["knn"], "masks": []},
            r"Probes could not be measured .* no labels .*evaluate.probes: \[\]",
        ),
        (
            {"probes": [], "masks": ["random 0.75"]},
            'too few pictures to hold some out .*val: "0.2"',
        ),
        (
            {"probes": [], "masks": ["blok 0.5"], "val": "0.5"},
            r"common mask 'blok 0.5' cannot be drawn: .* Did you mean 'block'",
        ),
        (
            {"probes": [], "masks": ["block(size=4) 0.75"], "val": "0.5"},
            r"common mask 'block\(size=4\) 0.75' cannot be drawn",
        ),
        ({"probes": [], "masks": ["foreground 0.5"], "val": "0.5"}, "has no map 'foreground'"),
        (
            {"probes": ["segmentation(maps=parts)"], "masks": []},
            "Probes could not be measured .* no maps at 'parts'",
        ),
    ],
)
def test_a_study_that_could_not_be_measured_is_refused(
    plan_values: dict[str, Any], unlabeled: Path, changes: dict[str, Any], message: str
) -> None:
    val = changes.pop("val", None)
    with pytest.raises(MaskwrightError, match=message):
        design(
            plan_values,
            data=str(unlabeled),
            base={**plan_values["base"], "val": val},
            evaluate=changes,
        )


def test_values_of_other_pictures_are_refused(
    plan_values: dict[str, Any], unlabeled: Path, tmp_path: Path
) -> None:
    table = tmp_path / "values.csv"
    evaluate = {"probes": [f"regression(values='{table}')"], "masks": []}
    table.write_text("file,value\nanother.png,1.5\n")
    with pytest.raises(MaskwrightError, match=r"after the training: .* has no number for any"):
        design(plan_values, data=str(unlabeled), evaluate=evaluate)

    rows = [f"{path.name},{number}" for number, path in enumerate(unlabeled.iterdir())]
    table.write_text("\n".join(["file,value", *rows]))
    assert design(plan_values, data=str(unlabeled), evaluate=evaluate).lengths


def test_maps_of_other_pictures_are_refused(
    plan_values: dict[str, Any], unlabeled: Path, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    Image.new("L", (32, 32)).save(maps / "another.png")
    evaluate = {"probes": [f"segmentation(maps='{maps}')"], "masks": []}
    with pytest.raises(MaskwrightError, match="None of the pictures has a map"):
        design(plan_values, data=str(unlabeled), evaluate=evaluate)

    for path in unlabeled.iterdir():
        Image.new("L", (32, 64)).save(maps / path.name)
    with pytest.raises(MaskwrightError, match="have their shape"):
        design(plan_values, data=str(unlabeled), evaluate=evaluate)

    for path in unlabeled.iterdir():
        with Image.open(path) as picture:
            Image.new("L", picture.size).save(maps / path.name)
    assert design(plan_values, data=str(unlabeled), evaluate=evaluate).lengths


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {"random": {}, "last": {"policy": "blok"}}}, "Arm 'last': Unknown policy 'blok'"),
        ({"arms": {"random": {}, "last": {"target": "hogg"}}}, "Arm 'last': Unknown target"),
        ({"evaluate": {"probes": [], "masks": ["blok 0.5"]}}, "common mask 'blok 0.5'"),
        ({"evaluate": {"probes": ["knn"], "masks": []}}, "Probes could not be measured"),
    ],
)
def test_mistakes_are_refused_before_pictures_are_decoded(
    plan_values: dict[str, Any],
    unlabeled: Path,
    changes: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*given: object) -> None:
        raise AssertionError("pictures were decoded")

    monkeypatch.setattr("maskwright.studies.prepared_arms.load", refuse)
    values = {"evaluate": {"probes": [], "masks": ["random 0.5"]}, **changes}
    with pytest.raises(MaskwrightError, match=message):
        design(plan_values, data=str(unlabeled), **values)


def test_pictures_without_labels_do_for_a_study_of_reconstruction(
    plan_values: dict[str, Any], unlabeled: Path
) -> None:
    designed = design(
        plan_values,
        data=str(unlabeled),
        base={**plan_values["base"], "val": "0.5"},
        evaluate={"probes": [], "masks": ["random 0.75"]},
    )
    assert designed.lengths.keys() == designed.costs.keys() == plan_values["arms"].keys()
    assert all(cost.flops > 0 for cost in designed.costs.values())


def test_arms_that_differ_in_masks_per_picture_alone_share_their_learning_rate(
    plan_values: dict[str, Any],
) -> None:
    base = {**plan_values["base"], "split": "train"}
    arms = {"one": {}, "two": {"masks_per_image": 2}, "large": {"batch_size": 16}}
    plan = build_plan({**plan_values, "base": base, "arms": arms}, "tiny")
    rates = design_study(plan, LogReporter()).rates
    assert rates["one"] == rates["two"]
    assert rates["large"] == 2 * rates["one"]
    assert rate_words({"one": 0.1, "two": 0.1}) == "All arms have the same learning rate, 0.1."
    assert rate_words(rates).startswith(
        f"Arms differ in learning rate: one {rates['one']:g}, two {rates['one']:g}, large"
        f" {rates['large']:g}."
    )


def test_arms_without_a_difference_are_told(
    plan_values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    base = {**plan_values["base"], "split": "train"}
    design(
        plan_values,
        base=base,
        arms={"one": {}, "two": {"policy": "random"}, "block": {"policy": "block(size=2)"}},
    )
    assert "Arms 'one' and 'two' have the same settings" in caplog.text
    assert "'block'" not in caplog.text
