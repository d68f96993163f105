"""The linear probe: right on easy data, at chance on noise, tuned on train alone."""

import json

import pytest
import torch

from maskwright.data.store.stratified import hold_out_of_each_class
from maskwright.evaluation.features import Features
from maskwright.evaluation.linear_fit import (
    Attempt,
    LinearProbeSettings,
    best_attempt,
    fit_probe,
    try_settings,
)
from maskwright.evaluation.linear_probe import measure_linear_probe
from maskwright.support.errors import MaskwrightError

QUICK = LinearProbeSettings(penalties=(1e-4, 1e-2, 1.0), iterations=30)


def clusters(count, num_classes=3, width=8, spread=0.3, seed=0):
    """The class token is informative, the mean patch token is noise."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(num_classes, width, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(count) % num_classes
    cls = centers[labels] + spread * torch.randn(count, width, generator=generator)
    return Features(cls, torch.randn(count, width, generator=generator), labels)


def relabeled(features, labels):
    return Features(features.cls, features.mean, labels)


def test_separable_classes_are_all_found():
    assert measure_linear_probe(clusters(90), clusters(60, seed=1), QUICK).answers.top1.value == 1.0


def test_shuffled_labels_are_answered_at_chance():
    train, test = clusters(600), clusters(600, seed=1)
    shuffled = relabeled(
        train, train.labels[torch.randperm(600, generator=torch.Generator().manual_seed(0))]
    )
    top1 = measure_linear_probe(shuffled, test, QUICK).answers.top1
    assert abs(top1.value - 1 / 3) < 0.12


def test_the_pooling_that_tells_classes_apart_is_chosen():
    result = measure_linear_probe(
        clusters(200, spread=1.0), clusters(60, seed=1, spread=1.0), QUICK
    )
    assert result.pooling in ("cls", "both")
    best = {
        pooling: max(a.accuracy for a in result.attempts if a.pooling == pooling)
        for pooling in ("cls", "mean", "both")
    }
    assert best["mean"] < best["cls"]


def test_a_fixed_pooling_is_kept():
    result = measure_linear_probe(
        clusters(90),
        clusters(30, seed=1),
        LinearProbeSettings(pooling="mean", penalties=(0.1,), iterations=10),
    )
    assert result.pooling == "mean"
    assert {attempt.pooling for attempt in result.attempts} == {"mean"}


def test_the_choice_does_not_look_at_the_test_labels():
    train, test = clusters(120, spread=2.0), clusters(90, spread=2.0, seed=1)
    other = relabeled(test, test.labels.flip(0).roll(1))
    first, second = (measure_linear_probe(train, asked, QUICK) for asked in (test, other))
    assert (first.pooling, first.penalty, first.attempts) == (
        second.pooling,
        second.penalty,
        second.attempts,
    )
    assert first.answers.top1.value != second.answers.top1.value


def test_the_best_attempt_on_held_out_train_is_the_one_used():
    result = measure_linear_probe(clusters(120, spread=2.0), clusters(30, seed=1), QUICK)
    chosen = next(
        a for a in result.attempts if (a.pooling, a.penalty) == (result.pooling, result.penalty)
    )
    assert chosen.accuracy == max(attempt.accuracy for attempt in result.attempts)


def test_held_out_images_do_not_take_part_in_the_fit():
    train = clusters(60, spread=2.0)
    held = hold_out_of_each_class(train.labels, QUICK.held_out, 0)
    kept = train.labeled("cls").take(~held)
    expected = fit_probe(kept, QUICK.penalties, QUICK.iterations).scores(train.cls[held]).argmax(2)
    attempts = try_settings(train, ("cls",), QUICK, 0)
    assert [a.accuracy for a in attempts] == pytest.approx(
        (expected == train.labels[held]).double().mean(1).tolist()
    )


def test_standardization_is_fitted_on_train_alone():
    train, test = clusters(60), clusters(30, seed=1)
    probe = fit_probe(train.labeled("cls"), (0.01,))
    assert torch.allclose(probe.standardizer.mean, train.cls.mean(0), atol=1e-5)
    far = Features(
        torch.cat([test.cls, test.cls + 1e4]),
        torch.cat([test.mean] * 2),
        torch.cat([test.labels] * 2),
    )
    settings = LinearProbeSettings(pooling="cls", penalties=(0.01,), iterations=30)
    alone, beside = (
        measure_linear_probe(train, asked, settings).answers.correct for asked in (test, far)
    )
    assert torch.equal(alone, beside[:30])


def test_the_held_out_part_is_stratified_and_seeded():
    labels = torch.tensor([0] * 50 + [1] * 10 + [2] * 2 + [3])
    held = hold_out_of_each_class(labels, 0.2, seed=0)
    assert labels[held].bincount(minlength=4).tolist() == [10, 2, 1, 0]
    assert torch.equal(held, hold_out_of_each_class(labels, 0.2, seed=0))
    assert not torch.equal(held, hold_out_of_each_class(labels, 0.2, seed=1))


def test_a_class_with_one_image_is_still_learned():
    train, test = clusters(60), clusters(60, seed=1)
    keep = (train.labels != 2) | (torch.arange(60) == 2)
    small = Features(train.cls[keep], train.mean[keep], train.labels[keep])
    result = measure_linear_probe(
        small, test, LinearProbeSettings(pooling="cls", penalties=(1e-3,))
    )
    assert result.answers.num_classes == 3
    assert result.answers.correct[test.labels == 2].double().mean() > 0.5


def test_one_image_per_class_leaves_nothing_to_tune_and_says_so():
    result = measure_linear_probe(clusters(3), clusters(30, seed=1), QUICK)
    assert result.attempts == ()
    assert "nothing was tuned" in result.notes[0]


def test_a_best_penalty_at_the_end_of_the_range_is_noted():
    train, test = clusters(150, width=64, spread=2.0), clusters(30, width=64, seed=1)
    tried = {
        "inside": (1e-6, 1e-3, 1e5),
        "lone": (1e-3,),
        "smallest": (1e-3, 1e5),
        "largest": (1e-6, 1e-3),
    }
    found = {
        name: measure_linear_probe(
            train, test, LinearProbeSettings(pooling="cls", penalties=tried[name])
        )
        for name in tried
    }
    assert {result.penalty for result in found.values()} == {1e-3}
    assert (found["inside"].notes, found["lone"].notes) == ((), ())
    for end in ("smallest", "largest"):
        assert f"is the {end} tried" in found[end].notes[0]


def test_fewer_classes_in_test_than_in_train_are_fine():
    test = clusters(60, num_classes=3, seed=1)
    some = test.labels != 1
    result = measure_linear_probe(
        clusters(90), Features(test.cls[some], test.mean[some], test.labels[some]), QUICK
    )
    assert result.answers.top1.value == 1.0


def test_labels_need_not_count_from_zero():
    train, test = clusters(60), clusters(30, seed=1)
    result = measure_linear_probe(
        relabeled(train, train.labels * 7 + 100), relabeled(test, test.labels * 7 + 100), QUICK
    )
    assert result.answers.top1.value == 1.0


def test_two_classes_report_auroc():
    train, test = (
        clusters(60, num_classes=2, spread=1.0),
        clusters(60, num_classes=2, spread=1.0, seed=1),
    )
    answers = measure_linear_probe(train, test, QUICK).answers
    assert answers.auroc.value > 0.9
    assert answers.top5 is None


def test_constant_features_answer_the_commonest_class():
    labels = torch.tensor([0] * 6 + [1] * 14)
    same = Features(None, torch.full((20, 5), 0.1), labels)
    result = measure_linear_probe(same, same, QUICK)
    assert result.answers.top1.value == pytest.approx(0.7)


def test_fewer_images_than_features_are_fine():
    result = measure_linear_probe(clusters(12, width=64), clusters(30, width=64, seed=1), QUICK)
    assert result.answers.top1.value > 0.8


def test_one_class_is_an_error():
    train = clusters(9)
    with pytest.raises(MaskwrightError, match="at least two classes"):
        measure_linear_probe(relabeled(train, torch.zeros(9, dtype=torch.long)), train, QUICK)


def test_the_same_seed_gives_the_same_result_as_json():
    train, test = clusters(60, spread=2.0), clusters(30, spread=2.0, seed=1)
    first, again = (
        json.dumps(measure_linear_probe(train, test, QUICK, seed=5).to_dict()) for _ in range(2)
    )
    assert first == again
    assert json.loads(first)["protocol"]["chosen_on"] == "held-out train"


@pytest.mark.parametrize(
    "bad", [{"pooling": "clss"}, {"penalties": ()}, {"penalties": (0.0,)}, {"held_out": 1.0}]
)
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(MaskwrightError):
        LinearProbeSettings(**bad)


def test_many_images_are_tuned_on_some_first_and_then_near_the_best_on_all():
    train, test = clusters(3000, spread=1.5), clusters(600, spread=1.5, seed=1)
    penalties = tuple(10.0**power for power in range(-6, 1))
    slow = measure_linear_probe(train, test, LinearProbeSettings(penalties=penalties))
    fast = measure_linear_probe(
        train, test, LinearProbeSettings(penalties=penalties, choose_on=600)
    )
    counts = sorted({attempt.num_fit for attempt in fast.attempts})
    assert len(counts) == 2
    assert counts[0] <= 480
    assert counts[1] == slow.attempts[0].num_fit == 2400
    assert len([one for one in fast.attempts if one.num_fit == counts[1]]) == 5
    assert fast.pooling == "cls"
    assert abs(fast.answers.top1.value - slow.answers.top1.value) < 0.01


def test_the_penalty_can_be_chosen_by_cross_entropy():
    lucky = Attempt("mean", 1e-4, accuracy=0.9, cross_entropy=0.8, num_fit=100)
    sound = Attempt("mean", 1e-1, accuracy=0.8, cross_entropy=0.4, num_fit=100)
    assert best_attempt((lucky, sound)) is lucky
    assert best_attempt((lucky, sound), "cross_entropy") is sound
    noisy = relabeled(clusters(80, spread=2.0), torch.arange(80) % 2)
    chosen = LinearProbeSettings(choose_by="cross_entropy", iterations=30)
    result = measure_linear_probe(noisy, noisy, chosen)
    least = min(attempt.cross_entropy for attempt in result.attempts)
    assert [a.penalty for a in result.attempts if a.cross_entropy == least] == [result.penalty]
    with pytest.raises(MaskwrightError, match="choose_by"):
        LinearProbeSettings(choose_by="entropy")
