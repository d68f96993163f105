"""Findings of a study: the verdicts of a record, main metrics first, and what is missing said or left out."""

import pytest

from maskwright.studies.findings import decimals_for, find, spell, spell_findings
from maskwright.studies.record import Arm, Metric
from tests.studies.made_up import EFFECTS, made_up_study, made_up_trial


def test_true_effects_of_a_made_up_study_are_found_and_the_rest_is_not():
    first = find(made_up_study())[0]
    assert first.metric.name == "linear top1"
    assert {one.arm: one.verdict for one in first.arms} == {
        "random": "baseline",
        "block(size=2)": "better",
        "inverse_block": "worse",
        "noise(color=green)": "no difference shown at n=5",
    }
    assert first.arms[1].over_pictures is not None


def test_smaller_is_better_turns_the_verdict():
    by_name = {finding.metric.name: finding for finding in find(made_up_study())}
    errors = by_name["texture share"]
    assert errors.named("better")[0].arm == "block(size=2)"
    assert errors.named("better")[0].difference.sample.mean < 0


def test_failed_trials_do_not_count_and_two_seeds_give_no_interval():
    trials = [
        made_up_trial(arm, seed, effect) for arm, effect in EFFECTS.items() for seed in range(2)
    ]
    trials.append(
        made_up_trial("random", 2, 0.0, state="failed", numbers={}, error="The disk is full.")
    )
    first = find(made_up_study(trials=trials))[0]
    assert [one.sample.count for one in first.arms] == [2, 2, 2, 2]
    assert {one.verdict for one in first.arms} == {
        "baseline",
        "no verdict: 2 seeds, an interval needs 3",
    }


def test_a_study_without_finished_trials_says_so():
    assert spell_findings(made_up_study(trials=[])) == [
        "No trial has finished yet, so there is nothing to compare."
    ]


def test_a_missing_baseline_leaves_means_without_differences():
    trials = [made_up_trial("block(size=2)", seed, 0.0) for seed in range(3)]
    first = find(made_up_study(trials=trials))[0]
    assert not first.has_baseline
    assert [one.difference for one in first.arms] == [None]


def test_a_factorial_plan_tells_whose_effect_it_is():
    cells = {
        f"{ramp} {loss}": {"ratio": ramp, "loss": loss}
        for ramp in ("0.75", "0.5->0.75")
        for loss in ("mse", "laplacian")
    }
    trials = [
        made_up_trial(arm, seed, 0.05 * (cell["loss"] == "laplacian"))
        for arm, cell in cells.items()
        for seed in range(5)
    ]
    arms = tuple(Arm(name=arm, settings=cell, levels=cell) for arm, cell in cells.items())
    first = find(made_up_study(trials=trials, arms=arms, baseline="0.75 mse"))[0]
    assert {name: effect.verdict for name, effect in first.effects.items()} == {
        "ratio=0.5->0.75": "no difference shown at n=5",
        "loss=laplacian": "better",
        "ratio=0.5->0.75 x loss=laplacian": "no difference shown at n=5",
    }


def test_printed_tables_carry_means_differences_and_verdicts():
    lines = spell_findings(made_up_study())
    assert lines[0] == "linear top1 (larger is better)"
    block = next(line for line in lines if line.startswith("  block(size=2)"))
    assert all(part in block for part in ("better", "[+0.0", " p "))


@pytest.mark.parametrize(
    ("spreads", "means", "expected"),
    [([0.004, 0.02], [0.5], 3), ([None], [0.45], 3), ([12.0], [1000.0], 0), ([0], [0], 2)],
)
def test_decimals_show_two_digits_of_the_spread(spreads, means, expected):
    assert decimals_for(spreads, means) == expected


def test_a_mean_alone_has_no_brackets():
    assert spell(0.51234, None, 3) == "0.512"
    assert Metric(name="x", larger_is_better=True).unit == ""
