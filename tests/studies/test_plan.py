"""Plans say what is compared; a typo is told with the nearest known word before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from maskwright.studies.design import Design, keep_lengths, keep_plan, open_plan
from maskwright.studies.factors import cross_factors
from maskwright.studies.plan import build_plan, parse_seeds, plan_policies, read_plan
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"budgets": {"steps": 2}}, "Did you mean 'budget'"),
    ({"budget": {"step": 2}}, "Did you mean 'steps'"),
    ({"budget": {"steps": -1}}, "more than nothing"),
    ({"arms": {"random": {}}}, "two arms or more"),
    ({"arms": {"a": {}, "b": {"polcy": "grid"}}}, "Did you mean 'policy'"),
    ({"arms": {"a": {}, "b": {"epochs": 2}}}, "which the budget decides"),
    ({"arms": {"a": {}, "b": {"seed": 2}}}, "which a study decides itself"),
    ({"factors": {"ratio": [0.5, 0.75]}}, "either `arms`"),
    ({"baseline": "rndom"}, "Did you mean 'random'"),
    ({"evaluate": {"prob": ["knn"]}}, "Did you mean 'probes'"),
    ({"evaluate": {"probes": ["linea"]}}, "Did you mean 'linear'"),
    ({"evaluate": {"masks": ["random"]}}, "a policy and a ratio"),
    ({"evaluate": {"probes": ["knn"], "main": "linear top1"}}, "Unknown main metric"),
    ({"evaluate": {"probes": [], "masks": []}}, "measures nothing"),
    ({"data": None}, "names no data"),
    ({"seeds": "three"}, "seeds is a count"),
]


@pytest.mark.parametrize(("change", "message"), MISTAKES)
def test_a_mistake_in_a_plan_is_told_in_a_sentence(
    plan_values: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(MaskwrightError, match=message):
        build_plan({**plan_values, **change}, "tiny")


def test_a_plan_file_reads_back_from_the_studys_folder(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(plan_values))
    plan = read_plan(tmp_path / "tiny.yaml")
    kept = keep_plan(plan, tmp_path / "study")
    assert open_plan(tmp_path / "study") == kept
    assert kept.base["split"] == "train", "pictures of the test split must not be trained on"


def test_a_study_takes_more_seeds_but_no_other_plan(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    keep_plan(build_plan(plan_values, "tiny"), tmp_path)
    assert keep_plan(build_plan({**plan_values, "seeds": [7]}, "tiny"), tmp_path).seeds == (0, 7)
    with pytest.raises(MaskwrightError, match="differs in budget"):
        keep_plan(build_plan({**plan_values, "budget": {"steps": 3}}, "tiny"), tmp_path)


def test_policies_on_the_command_line_make_the_same_plan_as_a_file(
    plan_values: dict[str, Any],
) -> None:
    flags = plan_policies(
        "photos",
        "random, block(size=2), mixture(random, grid)",
        seeds="5",
        budget="flops=1e9",
        ratio=0.5,
    )
    assert [arm.name for arm in flags.arms] == ["random", "block(size=2)", "mixture(random, grid)"]
    assert flags.baseline == "random"
    assert flags.seeds == (0, 1, 2, 3, 4)
    assert build_plan(flags.written, "other") == flags
    assert flags.settings(flags.arms[1], 3).mask.policy == "block(size=2)"
    with pytest.raises(MaskwrightError, match="two different policies"):
        plan_policies("photos", "random,random")


def test_seeds_are_a_count_or_a_list() -> None:
    assert parse_seeds(3) == parse_seeds("3") == parse_seeds([0, 1, 2]) == (0, 1, 2)
    assert parse_seeds("4,9") == (4, 9)
    assert parse_seeds([4]) == (4,)


def test_factors_are_crossed_and_texts_that_begin_with_plus_are_added() -> None:
    factors = {
        "ratio": [0.5, 0.75],
        "laplacian": {False: {}, True: {"loss": "+ 0.1*laplacian"}},
        "uniformity": {False: {}, True: {"loss": "+ 0.01*uniformity"}},
    }
    arms = cross_factors(factors, {})
    assert len(arms) == 8
    assert arms[0].name == "ratio=0.5, laplacian=off, uniformity=off"
    assert arms[-1].settings == {"ratio": 0.75, "loss": "mse + 0.1*laplacian + 0.01*uniformity"}
    assert arms[-1].levels == {"ratio": "0.75", "laplacian": "on", "uniformity": "on"}
    with pytest.raises(MaskwrightError, match="Two factors set 'loss'"):
        cross_factors({"a": {"x": {"loss": "mse"}}, "b": {"y": {"loss": "laplacian"}}}, {})


def test_a_study_that_goes_on_keeps_the_lengths_it_began_with(tmp_path: Path) -> None:
    quiet = LogReporter(visible=False)
    keep_lengths(Design({"a": {"steps": 100}}, {}), tmp_path, quiet)
    assert keep_lengths(Design({"a": {"steps": 120}}, {}), tmp_path, quiet).lengths == {
        "a": {"steps": 100}
    }


def test_a_name_that_stands_twice_is_refused_instead_of_losing_an_arm(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text(
        "data: photos\narms:\n  random: {}\n  block: {policy: block}\n  random: {ratio: 0.5}\n"
    )
    with pytest.raises(
        MaskwrightError, match=r"twice.yaml' 'random' stands twice, again in line 5"
    ):
        read_plan(tmp_path / "twice.yaml")
