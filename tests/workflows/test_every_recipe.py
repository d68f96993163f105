"""Every recipe that comes with the package trains two steps on a few pictures, with its own model,
policy, ratio and loss.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import maskwright
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches import visible_count
from maskwright.schedules import parse_schedule
from maskwright.support.seeding import torch_generator
from maskwright.support.shorthand import parse_sum
from maskwright.training.masker import predicted_count
from maskwright.workflows.settings.recipes import flatten, read_recipe, recipe_names
from maskwright.workflows.training.start_weights import fit_start, open_start
from tests.conftest import draw_pictures

HERE: dict[str, dict[str, Any]] = {
    # no download in tests, and a few of the pixels, which VGG19 has to go through
    "facade": {"loss": "0.6*mse + 0.4*perceptual(weights='random')", "image_size": 64},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    for index, picture in enumerate(draw_pictures(12, side=64)):
        Image.fromarray(picture).save(folder / f"{index:02d}.png")
    return folder


# A recipe that has a small profile holds numbers for a GPU; its profile is trained for both,
# except where they differ in more than size.
SMALL = [
    name
    for name in recipe_names()
    if "select" not in read_recipe(name) and (name in HERE or f"{name}@small" not in recipe_names())
]


@pytest.mark.parametrize("name", SMALL)
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
    asked, used = read_recipe(name), run.settings.to_flat()
    for section in ("model", "mask"):
        assert {key: used[key] for key in asked[section]} == asked[section]
    check_counts(run)
    check_both_halves_learned(run)
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


def check_counts(run: maskwright.Run) -> None:
    """Two steps were taken, on as many pictures, visible and predicted patches as the recipe's own
    numbers say.
    """
    status, asked = run.status, run.settings
    model, mask = run.model(), asked.mask
    assert (status["state"], status["step"]) == ("finished", 2)
    # eight pictures are trained on, so an epoch has two batches; accumulation ends with the epoch
    images = 2 * 4 * min(2, asked.train.accumulate) * mask.masks_per_image
    assert status["images"] == images
    count, ratio = model.grid.num_patches, parse_schedule(mask.ratio)
    visible = [visible_count(count, ratio.at(progress)) for progress in (0.0, 1.0)]
    predicted = [predicted_count(count - seen, mask.predict) or count - seen for seen in visible]
    each = images // 2
    assert status["encoder_tokens"] == sum(each * (model.config.num_prefix + n) for n in visible)
    assert status["decoder_tokens"] == sum(each * n for n in predicted)
    last = [row for row in run.metrics if "loss" in row][-1]
    assert last["masked"] == pytest.approx(1 - visible[-1] / count, rel=1e-5)


def check_both_halves_learned(run: maskwright.Run) -> None:
    """Encoder and decoder have left the weights that they began with, and every weight is a
    number.
    """
    model = run.model()
    fresh = MaskedAutoencoder(model.config, torch_generator(run.settings.train.seed, "weights"))
    # A recipe may begin with weights of the zoo; those of the seed have moved there without a step.
    start = fit_start(open_start(run.settings.train.init), run.settings)
    if start is not None:
        start.copy_into(fresh, run.load().scale)
    before = fresh.state_dict()
    moved = {
        name for name, value in model.state_dict().items() if not torch.equal(value, before[name])
    }
    for part in ("encoder.patch_embed.proj.weight", "decoder.pred.weight"):
        assert part in moved
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_every_recipe_opens_with_what_it_does_and_how_to_run_it() -> None:
    for name in recipe_names():
        text = (Path(maskwright.__file__).parent / "recipes" / f"{name}.yaml").read_text()
        comments = [line for line in text.splitlines() if line.startswith("#")]
        assert any("maskwright " in line for line in comments[:2]), name


@pytest.mark.parametrize(
    "name", [name for name in recipe_names() if "select" not in read_recipe(name)]
)
def test_a_recipe_states_all_that_its_numbers_depend_on(name: str) -> None:
    """Defaults follow what learns best and may move; a recipe's numbers were measured with values
    of its own.
    """
    asked = flatten(read_recipe(name))
    needed = {"crop_scale", "model", "decoder", "predict", "optimizer", "base_lr", "batch_size"}
    assert needed <= asked.keys()
