"""The five projects' plans: each at two scales, the full one with the numbers of its text."""

from __future__ import annotations

from importlib.resources import files
from itertools import product
from typing import Any

import pytest

from maskwright.masking.policy import Policy
from maskwright.masking.stateful import PolicySettings
from maskwright.models.sizes import SIZES
from maskwright.patches import Grid
from maskwright.schedules import parse_schedule
from maskwright.studies.ablations import split_designs
from maskwright.studies.factorial import contrasts
from maskwright.studies.plan import StudyPlan, read_plan
from maskwright.studies.plan_files import read_plan_file
from maskwright.studies.scorers import scorer_settings
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.settings.pretrain_settings import parse_size
from maskwright.workflows.settings.select_settings import build_select_settings

PROJECTS = ("animask", "block-mae", "facades", "learned-masker", "stl10-improvements")
# What the texts say, setting by setting; what a text leaves open is not here.
TEXTS: dict[str, dict[str, Any]] = {
    "animask": {"image_size": 224, "target": "raw"},
    "block-mae": {
        "model": "vit_small",
        "optimizer": "adamw",
        "epochs": 800,
        "keep": [20, 50, 200, 400, 800],
    },
    "facades": {
        "image_size": 224,
        "patch_size": 16,
        "model": "facade_256x12",
        "ratio": 0.5,
        "flip": True,
        "target": "raw",
    },
    "learned-masker": {"image_size": 32, "patch_size": 2, "model": "cifar_192x12", "ratio": 0.75},
    "stl10-improvements": {
        "image_size": 224,
        "patch_size": 16,
        "model": "stl10_192x8",
        "epochs": 10,
        "batch_size": 64,
        "optimizer": "adamw",
        "base_lr": 1.5e-4,
    },
}
# Width, depth and heads of encoder and decoder, as the texts say them.
SHAPES = {
    "stl10_192x8": (192, 8, 6, 128, 4, 4),
    "facade_256x12": (256, 12, 4, 256, 6, 4),
}


def full(name: str) -> StudyPlan:
    return read_plan(name, "somewhere", "full")


@pytest.mark.parametrize("name", PROJECTS)
def test_the_full_scale_has_the_numbers_of_the_text(name: str) -> None:
    plan = full(name)
    base = plan.settings(plan.arm(plan.baseline), 0).to_flat()
    assert {key: base[key] for key in TEXTS[name]} == TEXTS[name]
    assert plan.name.endswith("full"), "a study of its own, never mixed with the small one"
    assert plan.settings(plan.arm(plan.baseline), 0) != read_plan(name, "somewhere").settings(
        read_plan(name, "somewhere").arms[0], 0
    )


@pytest.mark.parametrize(("name", "shape"), SHAPES.items())
def test_models_have_the_shapes_of_the_texts(name: str, shape: tuple[int, ...]) -> None:
    size = SIZES[name]
    encoder = (size.width, size.depth, size.heads)
    assert (*encoder, size.decoder_width, size.decoder_depth, size.decoder_heads) == shape


@pytest.mark.parametrize(
    ("name", "scale"), [*product(PROJECTS, (None, "full")), ("facades", "long")]
)
def test_every_arm_can_be_built(name: str, scale: str | None) -> None:
    plan = read_plan(name, "somewhere", scale)
    for arm in plan.arms:
        settings = plan.settings(arm, 0)
        size, side = parse_size(settings.data.image_size or 0), settings.model.patch_size or 1
        grid = Grid.of_image(*size, side)
        policy = build_checked_policy(
            settings.mask.policy, grid, parse_schedule(settings.mask.ratio)
        )
        assert isinstance(policy, (Policy, PolicySettings)), arm.name
        flat = settings.to_flat()
        stated = ("crop_scale", "model", "decoder", "predict", "optimizer", "base_lr", "batch_size")
        assert all(flat[key] is not None for key in stated), arm.name
    assert plan.question.endswith("?")


def test_facades_at_length_compare_masks_alone_for_as_many_epochs_as_at_full_scale() -> None:
    plan = read_plan("facades", "somewhere", "long")
    assert [arm.settings["policy"] for arm in plan.arms] == ["random", "block(size=2)"]
    shared = plan.settings(plan.arms[0], 0).to_flat()
    whole = full("facades")
    assert shared["epochs"] == whole.settings(whole.arms[0], 0).train.epochs
    assert (shared["loss"], shared["init"]) == ("mse", "zoo:dead-leaves-96")
    assert (plan.name, plan.budget) == ("facades_long", None)


def test_animask_compares_its_three_strategies_and_four_ratios_with_random() -> None:
    for plan in (read_plan("animask", "somewhere"), full("animask")):
        policies = {arm.settings.get("policy", "random") for arm in plan.arms}
        assert policies == {
            "random",
            "guided(source='prior')",
            "guided(source='prior', hide='background')",
            "foreground(heavy='fg')",
            "foreground(heavy='bg')",
            "parts(protect=[eyes, mouth])",
        }
        ratios = {arm.settings.get("ratio", plan.base["ratio"]) for arm in plan.arms}
        assert {0.25, 0.5, 0.75, 0.9, "0.25->0.5"} <= ratios
        assert plan.budget is not None, "compared at matched compute"
        assert {"loss", "psnr", "ssim"} == set(plan.measures.filled)
        assert not plan.measures.needs_labels, "drawings of no classes can be compared"


def test_stl10_has_both_models_each_change_alone_and_all_its_probes() -> None:
    plan = full("stl10-improvements")
    assert [arm.name for arm in plan.arms][:2] == ["original", "improved"]
    original, improved = (plan.settings(arm, 0) for arm in plan.arms[:2])
    assert (original.mask.ratio, original.train.loss) == (0.75, "mse")
    assert improved.mask.ratio == "0.5->0.75"
    assert {"laplacian", "uniformity"} <= {
        word.strip("+ ").partition("*")[2] for word in str(improved.train.loss).split(" + ")
    }
    assert len(plan.arms) == 5
    probes = " ".join(plan.measures.probes)
    assert all(word in probes for word in ("knn", "linear_adam(epochs=10)", "finetune(epochs=10)"))
    assert plan.measures.scratch
    assert set(plan.measures.filled) == {"psnr", "ssim", "high_frequency"}
    assert plan.base["split"] == "unlabeled or train"


def test_block_mae_has_its_five_ablations() -> None:
    plan = full("block-mae")
    designs = split_designs({arm.name: arm.levels for arm in plan.arms})
    levels: dict[str, set[str]] = {}
    for design in designs:
        for arm in design.values():
            for factor, level in arm.items():
                levels.setdefault(factor, set()).add(str(level))
    assert levels == {
        "ratio": {"0.65", "0.75", "0.85"},
        "block": {"1x1", "2x2", "4x4"},
        "decoder_depth": {"1", "2", "4", "8"},
        "patch_size": {"8", "16"},
        "positions": {"sincos", "learned", "none", "relative", "rotary"},
    }
    assert sorted(len(design) for design in designs) == [2, 4, 5, 9]
    # Each group is a whole design of its own, with the base arm in all of them.
    assert all("base" in design and contrasts(design) for design in designs)


def test_the_learned_masker_trains_both_forms_and_both_networks() -> None:
    plan = full("learned-masker")
    assert plan.select is not None
    forms = [build_select_settings(None, scorer_settings(plan.select, arm))[1] for arm in plan.arms]
    first = forms[0]
    assert (first.encode, first.mixing, first.lr) == ("all", "interpolate", 1.5e-4)
    assert (first.sparsity, first.entropy, first.weight_decay) == (0.2, 1e-6, 0.05)
    kinds = {(form.encode, form.scorer) for form in forms}
    assert kinds == {(e, s) for e in ("all", "kept") for s in ("transformer", "cnn")}
    assert read_plan("learned-masker", None, "stl10").data == "torchvision:STL10"
    assert plan.measures.main_metric.name == "gain over random, same counts"


def test_facades_cross_masks_and_terms() -> None:
    plan = full("facades")
    losses = {plan.settings(arm, 0).train.loss for arm in plan.arms}
    assert losses == {"mse", "0.6*mse + 0.4*perceptual"}
    assert {plan.settings(arm, 0).mask.policy for arm in plan.arms} == {"random", "block(size=2)"}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_plan_opens_with_what_it_is_how_to_run_it_and_how_long_it_takes(name: str) -> None:
    path = files("maskwright") / "recipes" / "studies" / f"{name}.yaml"
    heading, command, *rest = path.read_text(encoding="utf-8").splitlines()
    comment = " ".join(line[2:] for line in rest if line.startswith("#"))
    assert heading.startswith("# ")
    assert command.startswith(f"# maskwright study {name} ")
    plan = read_plan(name, "somewhere")
    assert f"{len(plan.arms)} arms x {len(plan.seeds)} seeds" in comment
    assert "hours on 2 idle cores" in comment


def test_an_unknown_scale_is_refused_with_those_there_are() -> None:
    with pytest.raises(MaskwrightError, match="Did you mean 'full'"):
        read_plan_file("animask", "ful")
    with pytest.raises(MaskwrightError, match="small"):
        read_plan_file("ratio-cifar10", "full")
