"""Top-1, top-5, AUROC and the majority share from class scores."""

import pytest
import torch

from maskwright.evaluation.answers import judge_answers, ranks_of_truth, read_rows


def test_the_rank_is_the_place_of_the_true_class():
    scores = torch.tensor([[0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.1, 0.9, 0.5]])
    assert ranks_of_truth(scores, torch.tensor([3, 5, 7]), torch.tensor([5, 7, 3])).tolist() == [
        0,
        1,
        2,
    ]


def test_equal_scores_prefer_the_smaller_label():
    assert ranks_of_truth(torch.zeros(2, 4), torch.arange(4), torch.tensor([0, 3])).tolist() == [
        0,
        3,
    ]


def test_an_unknown_label_ranks_behind_every_class():
    assert ranks_of_truth(torch.zeros(1, 4), torch.arange(4), torch.tensor([8])).tolist() == [4]


def test_top5_counts_the_five_best():
    scores = -torch.arange(8.0).expand(8, 8)
    answers = judge_answers(scores, torch.arange(8), torch.arange(8), torch.arange(8))
    assert answers.top1.value == pytest.approx(1 / 8)
    assert answers.top5.value == pytest.approx(5 / 8)


def test_two_classes_get_an_auroc_with_the_larger_label_positive():
    scores = torch.tensor([[0.0, 0.1], [0.0, 0.2], [0.0, 0.3]])
    answers = judge_answers(
        scores, torch.tensor([4, 6]), torch.tensor([4, 4, 6]), torch.tensor([4, 6, 6])
    )
    assert answers.auroc.value == 1.0
    assert answers.top1.value == pytest.approx(1 / 3)


def test_two_classes_keep_what_a_paired_auroc_needs():
    scores = torch.tensor([[0.0, 1.0], [1.0, 0.5], [0.2, 0.3]])
    kept = judge_answers(
        scores, torch.tensor([3, 7]), torch.tensor([7, 3, 3]), torch.tensor([3])
    ).to_dict()
    assert kept["margins"] == pytest.approx([1.0, -0.5, 0.1])
    assert kept["positive"] == "100"


def test_three_classes_get_no_auroc():
    assert (
        judge_answers(torch.zeros(3, 3), torch.arange(3), torch.arange(3), torch.arange(3)).auroc
        is None
    )


def test_majority_is_what_the_commonest_train_class_gives():
    train = torch.tensor([0, 1, 1, 1])
    assert (
        judge_answers(
            torch.zeros(4, 2), torch.arange(2), torch.tensor([0, 0, 0, 1]), train
        ).majority
        == 0.25
    )


def test_each_class_is_counted_alone_and_the_confusion_adds_up():
    truth = torch.tensor([2, 2, 2, 5, 5, 9])
    scores = torch.eye(2)[[0, 0, 1, 1, 1, 0]]
    reported = judge_answers(scores, torch.tensor([2, 5]), truth, truth).to_dict()
    assert [(row["label"], row["n"]) for row in reported["per_class"]] == [(2, 3), (5, 2), (9, 1)]
    assert [row["top1"] for row in reported["per_class"]] == pytest.approx([2 / 3, 1, 0])
    assert read_rows(reported["confusion"]).tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert reported["correct"] == "110110"
