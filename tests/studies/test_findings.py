"""Findings of a study: the verdicts of a record, main metrics first, and what is missing said or
left out.
"""

import pytest
from scipy import stats

from maskwright.studies.findings import find
from maskwright.studies.findings_text import format_findings
from maskwright.studies.number_text import decimals_for, format_interval
from maskwright.studies.record import Arm, Metric
from maskwright.studies.report.words import finding_lines
from tests.studies.synthetic import EFFECTS, synthetic_study, synthetic_trial


def test_true_effects_of_a_made_up_study_are_found_and_the_rest_is_not():
    first = find(synthetic_study())[0]
    assert first.metric.name == "linear top1"
    assert {one.arm: one.verdict for one in first.arms} == {
        "random": "baseline",
        "block(size=2)": "better",
        "inverse_block": "worse",
        "noise(color=green)": "no difference shown at n=5",
    }
    assert first.arms[1].over_pictures is not None


def test_smaller_is_better_turns_the_verdict():
    metrics = [Metric(name="texture share", larger_is_better=False, main=True)]
    record = synthetic_study(metrics=metrics)
    errors = find(record)[0]
    assert {one.arm: one.verdict for one in errors.arms} == {
        "random": "baseline",
        "block(size=2)": "better",
        "inverse_block": "worse",
        "noise(color=green)": "no difference shown at n=5",
    }
    block, base = (record.numbers("texture share", arm) for arm in ("block(size=2)", "random"))
    change = sum(block.values()) / 5 - sum(base.values()) / 5
    assert change < 0
    assert errors.arms[1].difference.sample.mean == pytest.approx(change)
    assert errors.arms[1].difference.better == pytest.approx(-change)


def test_only_the_main_metric_makes_claims():
    """Four metrics beside the question are four more chances to find something: their verdicts do
    not say better or worse.
    """
    main, *others = find(synthetic_study())
    assert main.is_claim
    assert {one.verdict for one in main.arms} >= {"better", "worse"}
    for finding in others:
        assert [one.verdict.removesuffix(" (exploratory)") for one in finding.arms[1:3]] in (
            ["higher", "lower"],
            ["lower", "higher"],
        )
        assert all(one.verdict.endswith("(exploratory)") for one in finding.arms[1:])
        said = " ".join(finding_lines(finding, "random"))
        assert "better" not in said
        assert "worse" not in said


def test_a_claim_says_when_the_seeds_agree_and_the_pictures_cannot_tell():
    block = find(synthetic_study())[0].arms[1]
    assert (block.pictures, block.pictures_tell) == (200, False)
    answers = [
        synthetic_trial(arm, seed, effect, per_image={"linear top1": right * 100})
        for (arm, effect), right in zip(EFFECTS.items(), ("01", "11", "01", "01"), strict=True)
        for seed in range(5)
    ]
    finding = find(synthetic_study(trials=answers))[0]
    assert finding.arms[1].over_pictures.value == 0.5
    assert finding.arms[1].pictures_tell
    line = finding_lines(finding, "random")[0]
    low, high = finding.arms[1].over_pictures.low, finding.arms[1].over_pictures.high
    assert line.endswith(f"; over the 200 test pictures [{low:+.4f}, {high:+.4f}].")


def test_failed_trials_do_not_count_and_two_seeds_give_no_interval():
    trials = [
        synthetic_trial(arm, seed, effect) for arm, effect in EFFECTS.items() for seed in range(2)
    ]
    trials.append(
        synthetic_trial("random", 2, 0.0, state="failed", numbers={}, error="The disk is full.")
    )
    first = find(synthetic_study(trials=trials))[0]
    assert [one.sample.count for one in first.arms] == [2, 2, 2, 2]
    assert {one.verdict for one in first.arms} == {
        "baseline",
        "no verdict: 2 seeds, an interval needs 3",
    }


def test_arms_no_better_than_random_weights_are_named():
    """Two encoders that learned nothing do not differ, which is no answer to which was trained
    better.
    """
    floor = {"linear top1": {"value": 0.44, "low": 0.40, "high": 0.46}}
    first, second = find(synthetic_study(floors=dict.fromkeys(EFFECTS, floor)))[:2]
    assert {one.arm: one.has_learned for one in first.arms} == {
        "random": False,  # 0.4509
        "block(size=2)": True,  # 0.4797
        "inverse_block": False,
        "noise(color=green)": False,
    }
    assert finding_lines(first, "random")[-1] == (
        "Not shown to have learned more than random weights (0.4400 [0.4000, 0.4600] over test"
        " pictures) on this metric: random; inverse_block; noise(color=green). That such arms do"
        " not differ says nothing about how they were trained."
    ).replace("; ", ", ")
    assert all(one.has_learned for one in second.arms), "of k-NN nothing is known"
    assert "random weights" not in " ".join(finding_lines(second, "random"))


def test_a_study_without_finished_trials_says_so():
    assert format_findings(synthetic_study(trials=[])) == [
        "No trial has finished yet, so there is nothing to compare."
    ]


def test_a_missing_baseline_leaves_means_without_differences():
    trials = [synthetic_trial("block(size=2)", seed, 0.0) for seed in range(3)]
    first = find(synthetic_study(trials=trials))[0]
    assert not first.has_baseline
    assert [one.difference for one in first.arms] == [None]


def test_a_factorial_plan_tells_whose_effect_it_is():
    cells = {
        f"{ramp} {loss}": {"ratio": ramp, "loss": loss}
        for ramp in ("0.75", "0.5->0.75")
        for loss in ("mse", "laplacian")
    }
    trials = [
        synthetic_trial(arm, seed, 0.05 * (cell["loss"] == "laplacian"))
        for arm, cell in cells.items()
        for seed in range(5)
    ]
    arms = tuple(Arm(name=arm, settings=cell, levels=cell) for arm, cell in cells.items())
    first = find(synthetic_study(trials=trials, arms=arms, baseline="0.75 mse"))[0]
    assert {name: effect.verdict for name, effect in first.effects.items()} == {
        "ratio=0.5->0.75": "no difference shown at n=5",
        "loss=laplacian": "better",
        "ratio=0.5->0.75 x loss=laplacian": "no difference shown at n=5",
    }


def test_one_factor_has_no_effects_beside_those_of_its_arms():
    trials = [synthetic_trial(block, seed, 0.0) for block in ("1x1", "2x2") for seed in range(3)]
    arms = tuple(
        Arm(name=block, settings={"block": block}, levels={"block": block, "ratio": 0.75})
        for block in ("1x1", "2x2")
    )
    first = find(synthetic_study(trials=trials, arms=arms, baseline="1x1"))[0]
    assert first.effects == {}
    assert [one.arm for one in first.arms if one.difference] == ["2x2"]


def test_printed_tables_carry_means_differences_and_verdicts():
    lines = format_findings(synthetic_study())
    assert lines[:5] == [
        "linear top1 (larger is better; main metric)",
        "  random              0.4509 [0.4454, 0.4563]     baseline",
        (
            "  block(size=2)       0.4797 [0.4733, 0.4861]     +0.0288 [+0.0207, +0.0369]    p ="
            " 0.001  better"
        ),
        (
            "  inverse_block       0.4121 [0.4056, 0.4185]     -0.0388 [-0.0436, -0.0340]    p <"
            " 0.001  worse"
        ),
        (
            "  noise(color=green)  0.4541 [0.4441, 0.4640]     +0.0032 [-0.0059, +0.0122]    p ="
            " 0.383  no difference shown at n=5"
        ),
    ]
    assert "texture share (smaller is better; exploratory)" in lines


def test_the_printed_numbers_are_those_of_scipy():
    """p, interval and detectable difference of one arm, by another way than the product's."""
    record = synthetic_study()
    arm, baseline = (
        list(record.numbers("linear top1", name).values()) for name in ("block(size=2)", "random")
    )
    test = stats.ttest_rel(arm, baseline)
    interval = test.confidence_interval(0.95)
    found = find(record)[0].arms[1].difference
    assert found.p == pytest.approx(test.pvalue)
    assert found.holm == pytest.approx(2 * test.pvalue)  # the second smallest of three
    assert (found.sample.interval.low, found.sample.interval.high) == pytest.approx(tuple(interval))
    limit = stats.t.ppf(1 - 0.05 / 3 / 2, 4)
    shift = found.detectable / (found.sample.deviation / 5**0.5)
    assert stats.nct.sf(limit, 4, shift) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("spreads", "means", "expected"),
    [([0.004, 0.02], [0.5], 3), ([None], [0.45], 3), ([12.0], [1000.0], 0), ([0], [0], 2)],
)
def test_decimals_show_two_digits_of_the_spread(spreads, means, expected):
    assert decimals_for(spreads, means) == expected


def test_a_mean_alone_has_no_brackets():
    assert format_interval(0.51234, None, 3) == "0.512"
    assert Metric(name="x", larger_is_better=True).unit == ""
