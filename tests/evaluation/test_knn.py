"""Weighted nearest neighbors against a brute-force loop and known answers."""

import json
import math

import pytest
import torch

from maskwright.evaluation.features import Labeled
from maskwright.evaluation.knn import KnnSettings, count_votes, measure_knn
from maskwright.support.errors import MaskwrightError


def clusters(count, num_classes=3, width=8, spread=0.1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(num_classes, width, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(count) % num_classes
    return Labeled(
        centers[labels] + spread * torch.randn(count, width, generator=generator), labels
    )


def vote_by_hand(train, query, k, temperature, skip=None):
    """One query, one train image at a time, in plain Python."""
    cosines = []
    for index, (vector, label) in enumerate(
        zip(train.values.tolist(), train.labels.tolist(), strict=True)
    ):
        if index == skip:
            continue
        dot = sum(a * b for a, b in zip(vector, query, strict=True))
        cosines.append((-dot / math.hypot(*vector) / math.hypot(*query), index, label))
    votes: dict[int, float] = {}
    for negative, _, label in sorted(cosines)[:k]:
        votes[label] = votes.get(label, 0.0) + math.exp((-negative - 1) / temperature)
    return votes


@pytest.mark.parametrize("alone", [False, True])
def test_votes_agree_with_a_brute_force_loop(alone):
    train = clusters(40, spread=1.0)
    test = train if alone else clusters(17, spread=1.0, seed=1)
    votes, classes = count_votes(train, test.values, KnnSettings(k=7), exclude_self=alone, chunk=6)
    for index, query in enumerate(test.values.tolist()):
        expected = vote_by_hand(train, query, 7, 0.07, skip=index if alone else None)
        assert votes[index].tolist() == pytest.approx(
            [expected.get(c, 0.0) for c in classes.tolist()], rel=1e-4, abs=1e-9
        )


def test_separable_classes_are_all_found():
    assert measure_knn(clusters(60), clusters(30, seed=1)).answers.top1.value == 1.0


def test_shuffled_labels_are_answered_at_chance():
    generator = torch.Generator().manual_seed(0)
    train, test = clusters(600, spread=1.0), clusters(600, spread=1.0, seed=1)
    shuffled = Labeled(train.values, train.labels[torch.randperm(600, generator=generator)])
    top1 = measure_knn(shuffled, test).answers.top1
    assert top1.low - 0.02 <= 1 / 3 <= top1.high + 0.02


def test_an_image_is_not_its_own_neighbor():
    generator = torch.Generator().manual_seed(0)
    noise = Labeled(
        torch.randn(300, 16, generator=generator), torch.randint(0, 10, (300,), generator=generator)
    )
    result = measure_knn(noise, settings=KnnSettings(k=1))
    assert result.self_excluded
    assert result.answers.top1.value < 0.25


def test_the_same_images_given_as_test_are_recognized():
    train = clusters(30)
    copy = Labeled(train.values.clone(), train.labels.clone())
    assert measure_knn(train, copy).to_dict() == measure_knn(train).to_dict()
    assert not measure_knn(train, clusters(30, seed=1)).self_excluded


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_chunk_size_changes_nothing(chunk):
    train, test = clusters(50, spread=1.0), clusters(23, spread=1.0, seed=1)
    first, again = measure_knn(train, test), measure_knn(train, test, chunk=chunk)
    assert torch.equal(first.answers.correct, again.answers.correct)
    assert first.to_dict() == again.to_dict()


def test_equally_near_images_are_taken_in_train_order():
    values = torch.ones(50, 4)
    train = Labeled(values, torch.arange(50))
    votes, _ = count_votes(train, values[:3], KnnSettings(k=5))
    assert votes.gt(0).nonzero()[:, 1].view(3, 5).tolist() == [[0, 1, 2, 3, 4]] * 3


def test_an_even_vote_goes_to_the_smaller_label():
    train = Labeled(torch.ones(4, 2), torch.tensor([9, 4, 9, 4]))
    test = Labeled(torch.ones(2, 2) * 2, torch.tensor([4, 9]))
    assert measure_knn(train, test).answers.correct.tolist() == [True, False]


def test_k_beyond_the_train_images_is_cut_and_noted():
    result = measure_knn(clusters(6), clusters(5, seed=1), KnnSettings(k=20))
    assert result.settings.k == 6
    assert "used k = 6" in result.notes[0]
    assert measure_knn(clusters(6)).settings.k == 5


def test_top5_needs_more_than_five_classes():
    assert measure_knn(clusters(50, num_classes=5)).answers.top5 is None
    top5 = measure_knn(clusters(60, num_classes=6, spread=2.0)).answers.top5
    assert 0.5 < top5.value <= 1.0


def test_a_test_label_that_train_lacks_counts_as_wrong():
    test = clusters(10, seed=1)
    result = measure_knn(clusters(60), Labeled(test.values, test.labels + 10))
    assert result.answers.top1.value == 0.0


def test_nearer_neighbors_weigh_more():
    train = Labeled(torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, -0.8]]), torch.tensor([0, 1, 1]))
    test = Labeled(torch.tensor([[1.0, 0.01]]), torch.tensor([0]))
    assert measure_knn(train, test, KnnSettings(k=3)).answers.top1.value == 1.0
    assert measure_knn(train, test, KnnSettings(k=3, temperature=100.0)).answers.top1.value == 0.0


def test_standardizing_uses_train_statistics_and_is_recorded():
    loud = torch.tensor([1000.0] + [1.0] * 7)
    train, test = clusters(90, spread=0.5), clusters(60, spread=0.5, seed=1)
    noisy = Labeled(
        torch.cat([train.values, torch.randn(90, 1) * 0 + 5], 1) * torch.cat([loud, loud[:1]]),
        train.labels,
    )
    asked = Labeled(
        torch.cat([test.values, torch.full((60, 1), 5.0)], 1) * torch.cat([loud, loud[:1]]),
        test.labels,
    )
    plain = measure_knn(noisy, asked)
    standard = measure_knn(noisy, asked, KnnSettings(standardize=True))
    assert standard.answers.top1.value > plain.answers.top1.value
    assert standard.to_dict()["protocol"]["standardize"] is True


def test_one_test_image_is_enough():
    assert measure_knn(clusters(30), clusters(1, seed=1)).answers.top1.value == 1.0


def test_the_result_is_json_with_its_protocol():
    found = json.loads(json.dumps(measure_knn(clusters(30), clusters(9, seed=1)).to_dict()))
    assert found["protocol"]["k"] == 20
    assert found["protocol"]["temperature"] == 0.07
    assert found["majority"] == pytest.approx(1 / 3)


def test_widths_that_differ_are_an_error():
    with pytest.raises(MaskwrightError, match="8 and 4"):
        measure_knn(clusters(9), clusters(9, width=4))


def test_a_lone_image_has_no_neighbor():
    with pytest.raises(MaskwrightError, match="got 1 image"):
        measure_knn(clusters(1))
