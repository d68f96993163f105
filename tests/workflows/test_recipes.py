"""Settings come from defaults, recipe and flags in that order, and every mistake is a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.listing import list_recipes
from maskwright.workflows.settings.fields import leaves
from maskwright.workflows.settings.pretrain_settings import SECTIONS, PretrainSettings
from maskwright.workflows.settings.recipes import (
    build_settings,
    dump_recipe,
    flatten,
    read_recipe,
    recipe_names,
)
from maskwright.workflows.settings.select_settings import build_select_settings


def test_flags_win_over_the_recipe_and_the_recipe_over_defaults(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("data: {data: photos, crop: center}\ntrain: {seed: 7, batch_size: 16}\n")
    settings = build_settings(str(recipe), ["train.batch_size=32"], seed="9")
    assert (settings.data.data, settings.data.crop, settings.data.flip) == (
        "photos",
        "center",
        True,
    )
    assert (settings.train.seed, settings.train.batch_size) == (9, 32)


def test_a_dumped_recipe_builds_the_same_settings(tmp_path: Path) -> None:
    settings = build_settings(
        data="x",
        ratio="0.5->0.75",
        policy={"name": "block", "size": 2},
        keep="20,50",
        lr="3e-4",
        image_size="64x96",
    )
    path = tmp_path / "config.yaml"
    path.write_text(dump_recipe(settings, "heading"))
    assert build_settings(str(path)) == settings


def test_a_later_length_of_training_replaces_the_recipes(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("data: photos\nepochs: 30\n")
    settings = build_settings(str(recipe), steps=5)
    assert (settings.train.epochs, settings.train.steps) == (None, 5)


def test_python_names_of_leaves_are_unique_across_sections() -> None:
    names = [leaf.name for leaf in leaves(SECTIONS)]
    assert len(names) == len(set(names))


def test_settings_survive_the_way_through_flat_names() -> None:
    settings = build_settings(data="x", registers=2, track="none")
    assert PretrainSettings.from_flat(settings.to_flat()) == settings


@pytest.mark.parametrize(
    ("given", "fragment"),
    [
        ({"epoch": 3}, "Did you mean 'epochs'?"),
        ({"mask_ration": 0.5}, "Unknown setting 'mask_ration'"),
        ({"epochs": "a"}, "epochs = 'a' does not fit: expected a number"),
        ({"flip": "maybe"}, "expected true or false"),
        ({"epochs": 3, "steps": 3}, "Give one of epochs, steps and minutes"),
        ({"ratio": "0.5=>0.7"}, "Could not read '0.5=>0.7'"),
        ({"crop": "centre"}, "Did you mean 'center'?"),
        ({"image_size": "big"}, "got 'big'"),
        ({"target": "normalised"}, "Did you mean 'normalized'?"),
        ({"track": "tensorbord"}, "Unknown tracker 'tensorbord'"),
        ({"assignments": ["model.dept=3"]}, "Unknown setting 'model.dept'. Did you mean 'depth'?"),
        ({"assignments": ["mode.depth=3"]}, "Did you mean 'model'?"),
        ({"assignments": ["depth=3"]}, "section.name=value"),
        ({"recipe": "dema"}, "Did you mean 'demo'?"),
        ({"recipe": "missing.yaml"}, "There is no recipe at 'missing.yaml'"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_way_out(given: dict[str, object], fragment: str) -> None:
    with pytest.raises(MaskwrightError, match=None) as caught:
        build_settings(**{"data": "x", **given})  # type: ignore[arg-type]
    assert fragment in str(caught.value)


def test_without_data_the_error_says_how_to_give_it() -> None:
    with pytest.raises(MaskwrightError, match="maskwright pretrain PHOTOS"):
        build_settings()


def test_mask_ratio_is_understood_as_ratio() -> None:
    assert build_settings(data="x", mask_ratio=0.6).mask.ratio == 0.6


@pytest.mark.parametrize("name", recipe_names())
def test_every_packaged_recipe_is_valid_and_opens_with_what_it_does(name: str) -> None:
    if "select" in read_recipe(name):
        steps = 300 if name.endswith("@small") else 2000
        assert build_select_settings(name, {})[1].temperature_steps == steps
    else:
        assert build_settings(name, data="x").data.data == "x"
    text = (
        Path(__file__).parents[2] / "src" / "maskwright" / "recipes" / f"{name}.yaml"
    ).read_text()
    assert text.startswith("# ")
    assert isinstance(yaml.safe_load(text), dict)


def test_settings_are_checked_without_importing_torch() -> None:
    program = (
        "import sys, maskwright.workflows.settings.recipes as r; r.build_settings(data='x');"
        " sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    "line",
    ["parts(weights={eyes: 3})", "block(size=4)", "0.5*random + 0.5*part_ratios({face: 0.9})"],
)
def test_a_policy_written_with_a_mapping_stays_a_line(line: str) -> None:
    assert build_settings(data="x", policy=line).mask.policy == line
    assert build_settings(data="x", policy="{name: block, size: 4}").mask.policy == {
        "name": "block",
        "size": 4,
    }


def test_a_profile_is_its_recipe_with_what_its_own_file_sets() -> None:
    whole, small = flatten(read_recipe("anime")), flatten(read_recipe("anime@small"))
    changed = {name for name in whole if whole[name] != small[name]}
    assert changed == {"image_size", "model", "patch_size", "base_lr"}
    assert (small["image_size"], small["ratio"], small["target"]) == (96, 0.25, "raw")
    with pytest.raises(MaskwrightError, match="Did you mean 'anime@small'"):
        read_recipe("anime@smal")


# As the five projects' texts say them; what a text leaves open is not here.
NUMBERS = {
    "anime": {"image_size": 224, "ratio": 0.25, "target": "raw", "epochs": 10},
    "stl10-original": {
        "image_size": 224,
        "patch_size": 16,
        "ratio": 0.75,
        "loss": "mse",
        "epochs": 10,
        "batch_size": 64,
        "base_lr": 1.5e-4,
        "optimizer": "adamw",
        "model": "stl10_192x8",
    },
    "stl10-improved": {
        "image_size": 224,
        "patch_size": 16,
        "ratio": "0.5->0.75",
        "epochs": 10,
        "batch_size": 64,
        "base_lr": 1.5e-4,
    },
    "select-cifar10-mae": {
        "image_size": 32,
        "patch_size": 2,
        "ratio": 0.75,
        "model": "cifar_192x12",
    },
    "block-tiny-imagenet": {
        "model": "vit_small",
        "optimizer": "adamw",
        "epochs": 800,
        "keep": [20, 50, 200, 400, 800],
        "policy": "block(size=2)",
    },
    "facade": {
        "image_size": 224,
        "patch_size": 16,
        "model": "facade_256x12",
        "ratio": 0.5,
        "policy": "block(size=2)",
        "loss": "0.6*mse + 0.4*perceptual",
        "flip": True,
    },
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_recipe_holds_its_projects_own_numbers(name: str) -> None:
    flat = build_settings(name, data="x").to_flat()
    assert {key: flat[key] for key in NUMBERS[name]} == NUMBERS[name]


def test_the_learned_masker_is_the_projects_own_form() -> None:
    settings = build_select_settings("select-cifar10", {})[1]
    assert (settings.encode, settings.mixing) == ("all", "interpolate")
    assert (settings.lr, settings.weight_decay, settings.batch_size) == (1.5e-4, 0.05, 256)
    assert (settings.sparsity, settings.entropy) == (0.2, 1e-6)
    assert (settings.temperature, settings.last_temperature) == (1.0, 0.5)
    # A base rate that is given wins over the recipe's rate instead of being ignored.
    assert build_select_settings("select-cifar10", {"base_lr": 1e-3})[1].lr is None
    small = build_select_settings("select-cifar10@small", {})[1]
    assert (small.minutes, small.epochs, small.encode) == (5, None, "all")


def test_the_list_says_where_a_recipe_leaves_the_defaults() -> None:
    rows = {row[0]: row[2] for row in list_recipes()[1]}
    assert "model vit_base (vit_nano)" in rows["anime"]
    assert "optimizer adamw (muon)" in rows["anime@small"]
    assert "target" not in rows["demo"]
