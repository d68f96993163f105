"""Plans say what is compared; a typo gets the nearest known word before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from maskwright.data.maps.priors import parse_priors
from maskwright.diagnostics.catalog import build_diagnostics
from maskwright.studies.design import Design, join_plan, keep_lengths, keep_plan, open_plan
from maskwright.studies.factors import cross_factors
from maskwright.studies.measures import MeasureSettings
from maskwright.studies.plan import StudyPlan, build_plan, parse_seeds, plan_policies, read_plan
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter
from maskwright.workflows.building.policies import policy_lines
from maskwright.workflows.measuring.probes.catalog import parse_probes
from maskwright.workflows.settings.recipes import build_settings

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
    ({"seeds": 2.5}, "seeds is a count .* got '2.5'"),
    ({"seeds": True}, "seeds is a count .* got 'True'"),
    ({"seeds": [0, -1]}, "whole numbers from 0"),
    ({"budget": {"steps": True}}, "amount of a budget is a number; got steps=True"),
    ({"budget": {"flops": float("inf")}}, "not endless; got flops=inf"),
    ({"name": ["a"]}, r"`name` in a study plan is text; got \['a'\]"),
    ({"question": {"is": "it"}}, "`question` in a study plan is text"),
    ({"data": ["photos"]}, "`data` in a study plan is text"),
    ({"recipe": {"a": 1}}, "`recipe` in a study plan is text"),
    ({"baseline": ["random"]}, "`baseline` in a study plan is text"),
    ({"base": {"lr": "fast"}}, "In `base`, lr = 'fast' does not fit: expected a number"),
    ({"arms": {"a": {}, "b": {"ratio": [1]}}}, "Arm 'b': ratio = .* does not fit"),
    ({"arms": {"a": {}, "b": "grid"}}, "`arms.b` in a study plan is a mapping"),
    ({"evaluate": "knn"}, "`evaluate` in a study plan is a mapping"),
    ({"evaluate": {"limit": "abc"}}, "evaluate.limit = 'abc' does not fit: expected a whole"),
    ({"evaluate": {"limit": 2.5}}, "evaluate.limit = 2.5 does not fit"),
    ({"evaluate": {"limit": 1}}, "evaluate.limit is at least 2; got 1"),
    ({"evaluate": {"pictures": 0}}, "evaluate.pictures is at least 1; got 0"),
    ({"evaluate": {"pictures": "many"}}, "evaluate.pictures = 'many' does not fit"),
    ({"evaluate": {"cross": "maybe"}}, "evaluate.cross = 'maybe' does not fit: expected true or"),
    ({"evaluate": {"data": ["a"]}}, "evaluate.data = .* does not fit: expected text"),
    ({"evaluate": {"labels": 3}}, "evaluate.labels = 3 does not fit"),
    ({"evaluate": {"stimuli": {"a": 1}}}, "evaluate.stimuli = .* does not fit"),
    ({"evaluate": {"probes": 5}}, "Probes are written like .* got '5'"),
    ({"evaluate": {"probes": ["knn(kk=5)"]}}, "probe 'knn' has no option 'kk'. Did you mean 'k'"),
    ({"search": {"lr": {"low": None, "high": 1}}}, "The ends of `search.lr` are numbers"),
    ({"search": {"lr": {"low": 1, "high": 2, "log": "yes"}}}, "`search.lr.log` is true or false"),
    ({"search": {"lr": ["slow", "fast"]}}, "search.lr = 'slow' does not fit: expected a number"),
    ({"search": {"policy": {"low": 1, "high": 2}}}, "search.policy = 1 does not fit"),
]


def join_and_keep(plan: StudyPlan, folder: Path) -> StudyPlan:
    """As a study does with its plan."""
    joined = join_plan(plan, folder)
    keep_plan(joined, folder)
    return joined


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
    kept = join_and_keep(plan, tmp_path / "study")
    assert open_plan(tmp_path / "study") == kept
    assert kept.base["split"] == "train", "pictures of the test split must not be trained on"


def test_a_study_takes_more_seeds_but_no_other_plan(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    join_and_keep(build_plan(plan_values, "tiny"), tmp_path)
    more = build_plan({**plan_values, "seeds": [7]}, "tiny")
    assert join_and_keep(more, tmp_path).seeds == (0, 7)
    with pytest.raises(MaskwrightError, match="differs in budget"):
        join_and_keep(build_plan({**plan_values, "budget": {"steps": 3}}, "tiny"), tmp_path)


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


def test_what_a_plan_leaves_open_or_writes_as_text_is_read(plan_values: dict[str, Any]) -> None:
    evaluate = {"limit": "300", "pictures": None, "probes": "knn(k=5,pooling='mean'); linear"}
    measures = build_plan({**plan_values, "name": 2024, "evaluate": evaluate}, "tiny").measures
    assert (measures.limit, measures.pictures) == (300, 256)
    assert [metric.name for metric in measures.metrics()][:4:2] == [
        "knn(k=5, pooling='mean') top1",  # as results are named, whatever spaces the plan has
        "linear top1",
    ]


def test_a_metric_says_what_it_was_measured_on(plan_values: dict[str, Any]) -> None:
    evaluate = {"probes": "knn, attentive, layers, few_shot(shots='5'), finetune", "masks": []}
    metrics = build_plan({**plan_values, "evaluate": evaluate}, "tiny").measures.metrics()
    places = {metric.name: metric.where for metric in metrics}
    assert places["finetune top5"] == "all weights, fine-tuned"
    assert {name: where for name, where in places.items() if name.endswith("top1")} == {
        "knn top1": "frozen features",
        "attentive top1": "frozen patch tokens",
        "layers top1": "frozen features of the best layer",
        "few_shot 5 top1": "frozen features, few labels",
        "finetune top1": "all weights, fine-tuned",
    }
    assert [metric.name for metric in metrics if metric.main] == ["finetune top1"]


@pytest.mark.parametrize("mark", [",", ";"])
def test_lists_are_written_with_commas_or_semicolons_everywhere(mark: str) -> None:
    policies = f"random{mark} block(size=2, shift=False){mark}mixture(random, grid)"
    assert policy_lines(policies) == [arm.name for arm in plan_policies("x", policies).arms]
    assert policy_lines(policies) == [
        "random",
        "block(size=2, shift=False)",
        "mixture(random, grid)",
    ]
    assert list(parse_probes(f"knn(k=5){mark} linear", f"1%{mark}5")) == [
        "knn(k=5)",
        "linear",
        "few_shot 1%",
        "few_shot 5",
    ]
    assert list(build_diagnostics(f"lowpass(sigmas=[0, 1]){mark}cue-conflict")) == [
        "lowpass",
        "cue-conflict",
    ]
    priors = parse_priors(f"foreground{mark} parts(from='a,b;c.csv', classes='d.csv')")
    assert [one.source for one in priors] == [None, "a,b;c.csv"]
    measures = MeasureSettings.parse({"masks": f"random 0.5{mark} block(size=2) 0.75"})
    assert measures.masks == ("random 0.5", "block(size=2) 0.75")
    assert parse_seeds(f"4{mark}9") == (4, 9)
    settings = build_settings(data="x", keep=f"20{mark}50", track=f"none{mark} tensorboard")
    assert settings.run.keep == [20, 50]


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
