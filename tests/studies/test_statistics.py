"""Statistics of studies: intervals that cover, false alarms near the stated rate, power where there
is an effect, and words that fit.
"""

import numpy as np
import pytest
from scipy import stats

from maskwright.studies.factorial import contrasts, measure_effects
from maskwright.studies.power import detectable_difference
from maskwright.studies.samples import bootstrap_over_seeds, summarize, t_interval
from maskwright.studies.statistics import compare_to_baseline, holm, judge
from maskwright.support.errors import MaskwrightError

STUDIES = 2000
SEEDS = 5


def simulate(rng, effects, seeds=SEEDS, seed_spread=0.02, noise=0.01):
    """One made-up study: each seed has its own luck, shared by the arms, and each trial
    some noise.
    """
    luck = rng.normal(0.5, seed_spread, seeds)
    return {
        arm: dict(enumerate(luck + effect + rng.normal(0, noise, seeds)))
        for arm, effect in effects.items()
    }


@pytest.fixture(scope="module")
def random_against_random():
    rng = np.random.default_rng(11)
    arms = dict.fromkeys(("random", "a", "b", "c"), 0.0)
    return [compare_to_baseline(simulate(rng, arms), "random") for _ in range(STUDIES)]


def test_paired_t_intervals_of_equal_arms_cover_zero_as_often_as_stated(random_against_random):
    covered = np.mean(
        [
            one.sample.interval.low <= 0 <= one.sample.interval.high
            for study in random_against_random
            for one in study.values()
        ]
    )
    assert covered == pytest.approx(0.95, abs=0.01)


def test_equal_arms_give_a_false_alarm_in_about_five_percent_of_studies(random_against_random):
    alarms = np.mean(
        [any(one.is_shown for one in study.values()) for study in random_against_random]
    )
    uncorrected = np.mean(
        [any(one.p < 0.05 for one in study.values()) for study in random_against_random]
    )
    assert 0.025 <= alarms <= 0.06
    assert uncorrected > 0.09, "without correction there would be twice as many"


def test_intervals_of_a_mean_cover_as_their_docstrings_say():
    rng = np.random.default_rng(5)
    for count, least, most in ((3, 0.70, 0.78), (5, 0.90, 0.965), (9, 0.925, 0.97)):
        samples = rng.normal(0, 1, (600, count))
        bootstrapped = np.mean(
            [one.low <= 0 <= one.high for one in map(bootstrap_over_seeds, samples)]
        )
        by_t = np.mean([one.low <= 0 <= one.high for one in map(t_interval, samples)])
        assert least <= bootstrapped <= most, count
        assert by_t == pytest.approx(0.95, abs=0.03), count


def simulate_many(rng, comparisons, seeds, effect, noise=0.01, studies=20_000):
    """Differences (studies, comparisons, seeds) to one shared baseline; the first alone is truly
    not zero.
    """
    baseline = rng.normal(0, noise, (studies, 1, seeds))
    differences = rng.normal(0, noise, (studies, comparisons, seeds)) - baseline
    differences[:, 0] += effect
    return differences


def holm_p_values(differences):
    """Two-sided paired t tests of each study, corrected by Holm: (studies, comparisons, seeds)
    gives (studies, comparisons).
    """
    count, comparisons = differences.shape[2], differences.shape[1]
    t = differences.mean(2) / (differences.std(2, ddof=1) / np.sqrt(count))
    p = 2 * stats.t.sf(np.abs(t), count - 1)
    order = np.argsort(p, axis=1)
    factors = np.arange(comparisons, 0, -1)
    stepped = np.maximum.accumulate(np.take_along_axis(p, order, 1) * factors, axis=1)
    corrected = np.empty_like(p)
    np.put_along_axis(corrected, order, np.minimum(stepped, 1), axis=1)
    return corrected


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("comparisons", [1, 3, 7, 16])
def test_a_true_difference_of_the_detectable_size_is_found_in_80_percent_of_studies(
    comparisons, seeds
):
    noise = 0.01
    effect = detectable_difference(noise * np.sqrt(2), seeds, comparisons)
    differences = simulate_many(np.random.default_rng(0), comparisons, seeds, effect, noise)
    found = (holm_p_values(differences)[:, 0] < 0.05) & (differences[:, 0].mean(1) > 0)
    assert found.mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("comparisons", [1, 7])
def test_studies_are_judged_as_the_simulation_judges_them(comparisons):
    """What the simulation finds is what a study says, and the detectable difference counts all arms
    that were compared.
    """
    differences = simulate_many(np.random.default_rng(4), comparisons, SEEDS, 0.05, studies=60)
    expected = holm_p_values(differences)
    for study, p_values in zip(differences, expected, strict=True):
        judged = judge({str(arm): dict(enumerate(row)) for arm, row in enumerate(study)})
        assert [one.holm for one in judged.values()] == pytest.approx(p_values.tolist())
        assert (judged["0"].verdict == "better") == (p_values[0] < 0.05)
        for one in judged.values():
            wanted = detectable_difference(one.sample.deviation, SEEDS, comparisons)
            assert one.detectable == pytest.approx(wanted)


def test_more_arms_ask_for_larger_differences():
    factors = [
        detectable_difference(1.0, 3, arms) / detectable_difference(1.0, 3) for arms in (3, 7, 16)
    ]
    assert factors == pytest.approx([1.736, 2.654, 4.013], abs=0.001)
    assert detectable_difference(2.0, 5, 3) == pytest.approx(2 * detectable_difference(1.0, 5, 3))


def test_holm_agrees_with_a_hand_written_reference():
    def by_hand(p_values):
        left = sorted(range(len(p_values)), key=lambda place: p_values[place])
        corrected, largest = [0.0] * len(p_values), 0.0
        for step, place in enumerate(left):
            largest = max(largest, min(1.0, (len(p_values) - step) * p_values[place]))
            corrected[place] = largest
        return corrected

    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 8):
        p_values = rng.random(count).tolist()
        assert holm(p_values) == pytest.approx(by_hand(p_values))
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_p_agrees_with_scipy_s_paired_test():
    rng = np.random.default_rng(1)
    values = simulate(rng, {"random": 0, "block": 0.01})
    expected = stats.ttest_rel(list(values["block"].values()), list(values["random"].values()))
    found = compare_to_baseline(values, "random")["block"]
    assert found.p == pytest.approx(expected.pvalue)
    assert [found.sample.interval.low, found.sample.interval.high] == pytest.approx(
        list(expected.confidence_interval(0.95))
    )


def test_differences_pair_by_seed_so_the_luck_of_a_seed_cancels():
    values = {
        "random": {0: 0.30, 1: 0.50, 2: 0.70, 7: 0.9},
        "block": {2: 0.731, 0: 0.330, 1: 0.529},
    }
    found = compare_to_baseline(values, "random")["block"]
    assert found.sample.seeds == (0, 1, 2)
    assert found.sample.mean == pytest.approx(0.03)
    assert (found.verdict, found.agreeing) == ("better", 3)
    assert compare_to_baseline(values, "random", larger_is_better=False)["block"].verdict == "worse"


def test_fewer_than_three_seeds_have_no_interval_and_the_verdict_says_so():
    found = compare_to_baseline({"random": {0: 0.1, 1: 0.2}, "block": {0: 0.9, 1: 1.1}}, "random")[
        "block"
    ]
    assert (found.sample.interval, found.sample.bootstrap, found.p, found.detectable) == (
        None,
        None,
        None,
        None,
    )
    assert found.verdict == "no verdict: 2 seeds, an interval needs 3"
    assert summarize({4: 1.0}).deviation is None


def test_differences_without_spread_are_no_proof():
    same = {
        "random": {0: 0.5, 1: 0.6, 2: 0.4},
        "twin": {0: 0.5, 1: 0.6, 2: 0.4},
        "shifted": {0: 0.6, 1: 0.7, 2: 0.5},
    }
    found = compare_to_baseline(same, "random")
    assert found["twin"].verdict == "identical in every seed"
    assert found["shifted"].verdict == "no verdict: the same difference in every seed, so no spread"


def test_a_baseline_without_numbers_is_refused():
    with pytest.raises(MaskwrightError, match="baseline arm 'random' has no finished trial"):
        compare_to_baseline({"random": {}, "block": {0: 1.0}}, "random")


CELLS = {f"{ramp}{edges}": {"ratio": ramp, "loss": edges} for ramp in "ab" for edges in "xy"}


def test_main_effects_and_interaction_of_a_factorial_plan_are_recovered():
    rng = np.random.default_rng(2)
    truth = {"ax": 0.0, "ay": 0.10, "bx": 0.0, "by": 0.16}
    found = measure_effects(simulate(rng, truth, noise=0.001), CELLS)
    assert list(found) == ["ratio=b", "loss=y", "ratio=b x loss=y"]
    assert [one.sample.mean for one in found.values()] == pytest.approx(
        [0.03, 0.13, 0.06], abs=0.004
    )
    assert all(one.verdict == "better" for one in found.values())


def test_contrasts_of_three_factors_ignore_each_other():
    cells = {
        f"{a}{b}{c}": {"a": a, "b": b, "c": c} for a in (0, 1) for b in (0, 1, 2) for c in (0, 1)
    }
    value = {
        arm: {0: 2.0 * cell["a"] - 3.0 * (cell["b"] == 2) + 5.0 * cell["a"] * cell["c"]}
        for arm, cell in cells.items()
    }
    got = {
        one.name: sum(weight * value[arm][0] for arm, weight in one.weights.items())
        for one in contrasts(cells)
    }
    assert got["a=1"] == pytest.approx(4.5)
    assert (got["b=1"], got["b=2"]) == (pytest.approx(0), pytest.approx(-3))
    assert got["a=1 x c=1"] == pytest.approx(5)
    assert got["a=1 x b=2"] == pytest.approx(0)


def test_effects_need_every_combination_once():
    with pytest.raises(MaskwrightError, match="4 combinations, 3 arms"):
        contrasts({arm: cell for arm, cell in CELLS.items() if arm != "by"})


def test_equal_factors_raise_few_alarms():
    rng = np.random.default_rng(9)
    studies = [measure_effects(simulate(rng, dict.fromkeys(CELLS, 0.0)), CELLS) for _ in range(600)]
    assert np.mean([any(one.is_shown for one in study.values()) for study in studies]) < 0.075


def test_judging_nothing_gives_nothing():
    assert judge({}) == {}
