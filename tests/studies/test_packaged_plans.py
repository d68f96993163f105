"""The plans that come with the package: each reads, says what it costs and asks, and has arms that
can be built.
"""

from importlib.resources import files

import pytest

from maskwright.losses.objective import needs_of
from maskwright.masking.policy import Policy
from maskwright.masking.stateful import PolicySettings
from maskwright.patches import Grid
from maskwright.schedules import parse_schedule
from maskwright.studies.factorial import contrasts
from maskwright.studies.plan import read_plan
from maskwright.studies.plan_files import plan_names
from maskwright.workflows.building.policies import build_any_policy
from maskwright.workflows.measuring.probes.catalog import PROBES
from maskwright.workflows.settings.pretrain_settings import parse_size
from tests.studies.test_project_plans import PROJECTS

ALL_PLANS = [
    "blocks-tiny-imagenet",
    "components-cifar10",
    "components-tiny-imagenet",
    "improvements-stl10",
    "learned-maskers-cifar10",
    "perceptual-facades",
    "pixio-cifar10",
    "pixio-facades",
    "policies-cifar10",
    "ratio-anime-faces",
    "ratio-cifar10",
    "start-few",
    "targets-cifar10",
]


# A plan that measures by a probe that is not there yet cannot be read.
PLANS = [name for name in ALL_PLANS if name != "pixio-facades" or "segmentation" in PROBES]
# Their arms ask for predictions of visible patches, and say so.
COMPARES_VISIBLE = ("pixio-cifar10", "pixio-facades")


def test_the_claims_of_others_each_have_a_plan():
    # The five projects' own plans are in test_project_plans.py.
    assert plan_names() == sorted([*ALL_PLANS, *PROJECTS])


@pytest.mark.parametrize("name", PLANS)
def test_a_packaged_plan_reads_and_opens_with_question_command_and_time(name):
    plan = read_plan(name, "somewhere")
    heading, command, *rest = (
        (files("maskwright") / "recipes" / "studies" / f"{name}.yaml").read_text().splitlines()
    )
    comment = " ".join(line[2:] for line in rest if line.startswith("#"))
    assert heading.startswith("# ")
    assert command.startswith(f"# maskwright study {name} ")
    assert "minutes on 2 idle cores" in comment
    assert f" x {len(plan.seeds)} seeds" in comment
    assert plan.question.endswith("?")
    assert len(plan.seeds) >= 3
    assert plan.budget.currency == "flops"


@pytest.mark.parametrize("name", PLANS)
def test_every_arm_of_a_packaged_plan_can_be_built(name):
    plan = read_plan(name, "somewhere")
    for arm in plan.arms:
        settings = plan.settings(arm, 0)
        size, side = parse_size(settings.data.image_size), settings.model.patch_size
        grid = Grid(size[0] // side, size[1] // side, side)
        ratio = parse_schedule(settings.mask.ratio)
        policy = build_any_policy(settings.mask.policy, grid, ratio)
        assert isinstance(policy, (Policy, PolicySettings)), arm.name
        needs = needs_of(settings.train.loss)
        assert needs.pairs == ("uniformity" in settings.train.loss), arm.name
        if name not in COMPARES_VISIBLE:
            assert not needs.visible, f"{arm.name} would pay for predictions of visible patches"


def test_factorial_plans_can_tell_effects_apart():
    cells = {arm.name: arm.levels for arm in read_plan("improvements-stl10", "somewhere").arms}
    names = [one.name for one in contrasts(cells)]
    assert names[:3] == ["ratio=0.5->0.75", "laplacian=with", "uniformity=with"]
    assert len(names) == 6
    losses = {
        plan.settings["loss"]
        for plan in read_plan("improvements-stl10", "somewhere").arms
        if plan.levels["laplacian"] == "with"
    }
    assert losses == {"mse + 0.1*laplacian", "mse + 0.1*laplacian + 0.01*uniformity"}


def test_a_folder_of_the_same_name_does_not_hide_a_packaged_plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ratio-cifar10").mkdir()
    assert "25, 50, 75 or 90%" in read_plan("ratio-cifar10", "somewhere").question


@pytest.mark.parametrize("name", PLANS)
def test_a_packaged_plan_states_all_that_its_numbers_depend_on(name):
    plan = read_plan(name, "somewhere")
    assert "features" in plan.written["evaluate"]
    for arm in plan.arms:
        flat = plan.settings(arm, 0).to_flat()
        stated = ("crop_scale", "model", "decoder", "predict", "optimizer", "base_lr", "batch_size")
        assert all(flat[key] is not None for key in stated)
