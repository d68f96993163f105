"""Every recipe that comes with the package trains two steps on a few pictures, with its own model, policy, ratio and loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import maskwright
from maskwright.schedules import parse_schedule
from maskwright.support.shorthand import parse_sum
from maskwright.workflows.recipes import read_recipe, recipe_names
from tests.conftest import draw_pictures

HERE: dict[str, dict[str, Any]] = {
    "facade": {"loss": "0.6*mse + 0.4*perceptual(weights='random')"},  # no download in tests
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    for index, picture in enumerate(draw_pictures(12, side=64)):
        Image.fromarray(picture).save(folder / f"{index:02d}.png")
    return folder


@pytest.mark.parametrize(
    "name", [name for name in recipe_names() if "select" not in read_recipe(name)]
)
def test_a_recipe_trains_two_steps(name: str, pictures: Path, tmp_path: Path) -> None:
    few = {
        "steps": 2,
        "batch_size": 4,
        "val": "0.34",
        "device": "cpu",
        "track": ["none"],
        "keep": [],
    }
    run = maskwright.pretrain(
        pictures, recipe=name, out=tmp_path / "run", **{**few, **HERE.get(name, {})}
    )
    assert run.status["state"] == "finished"
    asked, used = read_recipe(name), run.settings.to_flat()
    for section in ("model", "mask"):
        assert {key: used[key] for key in asked[section]} == asked[section]
    last = [row for row in run.metrics if "loss" in row][-1]
    terms = str(used["loss"]).count("*") + str(used["loss"]).startswith("mse +")
    if terms > 1:
        assert sum(column.startswith("loss_") for column in last) == terms
        weighted = [
            (part.call.name, parse_schedule(part.weight)) for part in parse_sum(used["loss"])
        ]
        expected = sum(weight.at(1.0) * last[f"loss_{term}"] for term, weight in weighted)
        assert last["loss"] == pytest.approx(expected, rel=1e-3)
        assert sum(column.startswith("val_loss_") for column in run.metrics[-1]) >= terms


def test_every_recipe_opens_with_what_it_does_and_how_to_run_it() -> None:
    for name in recipe_names():
        text = (Path(maskwright.__file__).parent / "recipes" / f"{name}.yaml").read_text()
        comments = [line for line in text.splitlines() if line.startswith("#")]
        assert any("maskwright " in line for line in comments[:2]), name
