"""The split is exact, breaks ties by chance, and refuses numbers that mean nothing."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.patches.mask import PatchMask, check_ratio, put, split, take, visible_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng, sample_rng


def rng(batch: int, epoch: int = 0) -> KeyedRng:
    return sample_rng(0, epoch, torch.arange(batch))


@given(count=st.integers(2, 60), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_score_is_split_exactly(count: int, data: st.DataObject) -> None:
    num_visible = data.draw(st.integers(1, count - 1))
    num_predicted = data.draw(st.one_of(st.none(), st.integers(1, count - num_visible)))
    levels = data.draw(st.sampled_from([1, 2, 5, 1000]))
    score = rng(3, epoch=1).integers(0, levels, count).float()
    mask = split(score, num_visible, num_predicted, rng=rng(3))
    assert (mask.num_visible, mask.num_masked) == (num_visible, count - num_visible)
    assert mask.predicted_ids.shape[1] == (num_predicted or count - num_visible)
    for image in range(3):
        visible, masked, predicted = (
            ids[image].tolist() for ids in (mask.visible_ids, mask.masked_ids, mask.predicted_ids)
        )
        assert sorted(visible + masked) == list(range(count))
        assert all(ids == sorted(set(ids)) for ids in (visible, masked, predicted))
        assert set(predicted) <= set(masked)
        assert score[image, masked].min() >= score[image, visible].max()


@given(count=st.integers(2, 400), percent=st.integers(1, 99))
@settings(max_examples=200, deadline=None)
def test_the_visible_count_is_the_exact_floor(count: int, percent: int) -> None:
    assert visible_count(count, percent / 100) == max(1, count * (100 - percent) // 100)


def test_floating_point_does_not_lose_a_patch() -> None:
    """In floating point int(100 * (1 - 0.9)) is 9."""
    assert visible_count(100, 0.9) == 10


@given(count=st.integers(2, 400), masked=st.integers(1, 399))
@settings(max_examples=200, deadline=None)
def test_a_ratio_made_from_a_count_gives_the_count_back(count: int, masked: int) -> None:
    masked = min(masked, count - 1)
    assert visible_count(count, masked / count) == count - masked


def test_a_constant_score_gives_every_subset_equally_often() -> None:
    """Ties broken by position would favor some subsets."""
    mask = split(torch.zeros(20_000, 5), 2, rng=rng(20_000))
    codes = (1 << mask.visible_ids).sum(1)
    shares = [
        float((codes == (1 << a | 1 << b)).float().mean()) for a, b in combinations(range(5), 2)
    ]
    assert shares == pytest.approx([0.1] * 10, abs=0.009)


def test_ties_at_large_scores_are_broken_by_chance_too() -> None:
    """Small noise added to a score of 1e6 is lost in float32."""
    mask = split(torch.full((8000, 4), 1e6), 1, rng=rng(8000))
    assert mask.visible_ids.flatten().bincount().div(8000).tolist() == pytest.approx(
        [0.25] * 4, abs=0.02
    )


def test_minus_zero_ties_with_zero() -> None:
    mask = split(torch.tensor([[0.0, -0.0]]).expand(4000, -1), 1, rng=rng(4000))
    assert float(mask.visible_ids.float().mean()) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type_is_ordered_right(dtype) -> None:
    values = torch.tensor([[-torch.inf, -3.0, -1e-3, 0.0, 1e-3, 0.5, 2.0, 100.0]], dtype=dtype)
    order = torch.tensor([[5, 2, 7, 0, 3, 6, 1, 4]])
    for num_visible in range(1, 8):
        mask = split(values.gather(1, order), num_visible, rng=rng(1))
        assert sorted(order[0, mask.visible_ids[0]].tolist()) == list(range(num_visible))


def test_float64_scores_closer_than_float32_are_told_apart() -> None:
    score = torch.tensor([[1.0, 1 + 1e-12, 1 + 2e-12]], dtype=torch.float64).expand(50, -1)
    assert split(score, 1, rng=rng(50)).visible_ids.unique().tolist() == [0]


def test_float64_ties_are_broken_by_chance() -> None:
    mask = split(torch.zeros(4000, 2, dtype=torch.float64), 1, rng=rng(4000))
    assert float(mask.visible_ids.float().mean()) == pytest.approx(0.5, abs=0.03)


def test_minus_infinity_is_never_masked_first() -> None:
    score = torch.zeros(100, 6)
    score[:, 2] = -torch.inf
    assert not bool((split(score, 2, rng=rng(100)).masked_ids == 2).any())


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_nan_and_infinity_are_refused(bad) -> None:
    with pytest.raises(MaskwrightError, match="NaN or"):
        split(torch.tensor([[0.0, bad, 1.0]]), 1, rng=rng(1))


@pytest.mark.parametrize("num_visible", [0, 4, -1])
def test_a_count_that_leaves_nothing_is_refused(num_visible) -> None:
    with pytest.raises(MaskwrightError, match="it takes 1 to 3"):
        split(torch.zeros(1, 4), num_visible, rng=rng(1))


def test_predicting_more_than_is_masked_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="Cannot predict 4 of 3"):
        split(torch.zeros(1, 4), 1, 4, rng=rng(1))


def test_each_masked_patch_is_predicted_equally_often() -> None:
    mask = split(torch.zeros(6000, 6), 2, 1, rng=rng(6000))
    assert mask.predicted_ids.flatten().bincount().div(6000).tolist() == pytest.approx(
        [1 / 6] * 6, abs=0.02
    )


@pytest.mark.parametrize(
    ("ratio", "fragment"),
    [
        (0.0, "between 0 and 1"),
        (1.0, "between 0 and 1"),
        (0.99, r"leaves no visible patch of 64; use at most 0\.984"),
        (0.0, "got 0"),
    ],
)
def test_a_ratio_that_leaves_no_patch_is_refused(ratio, fragment) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        check_ratio(64, ratio)


@pytest.mark.parametrize("count", [2, 7, 64, 196])
def test_the_ratios_named_in_the_errors_are_legal(count: int) -> None:
    """Whoever follows the advice is not refused again: one patch stays visible, or at least one is
    masked.
    """
    most, least = (ratio_advised(count, ratio) for ratio in (0.999, 1e-9))
    assert visible_count(count, most) == 1
    assert visible_count(count, least) < count
    assert least <= most


def ratio_advised(count: int, ratio: float) -> float:
    """The number at the end of the error that refuses a ratio; it must not be refused itself."""
    with pytest.raises(MaskwrightError, match=r"use at (most|least)") as refused:
        check_ratio(count, ratio)
    advised = float(str(refused.value).rstrip(".").split()[-1])
    check_ratio(count, advised)
    return advised


def test_booleans_and_ids_say_the_same() -> None:
    mask = split(torch.zeros(4, 9), 3, rng=rng(4))
    again = PatchMask.from_is_masked(mask.is_masked)
    assert torch.equal(again.visible_ids, mask.visible_ids)
    assert torch.equal(again.masked_ids, mask.masked_ids)


@pytest.mark.parametrize("rows", [[[1, 0, 0], [1, 1, 0]], [[1, 1, 1]], [[0, 0, 0]]])
def test_booleans_without_one_legal_count_are_refused(rows) -> None:
    with pytest.raises(MaskwrightError, match="mask"):
        PatchMask.from_is_masked(torch.tensor(rows, dtype=torch.bool))


def test_put_is_the_inverse_of_take() -> None:
    tokens = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    mask = split(torch.zeros(2, 6), 2, rng=rng(2))
    empty = torch.zeros_like(tokens)
    both = put(
        put(empty, mask.visible_ids, take(tokens, mask.visible_ids)),
        mask.masked_ids,
        take(tokens, mask.masked_ids),
    )
    assert torch.equal(both, tokens)
    assert not bool(empty.any())


def test_predict_all_predicts_every_masked_patch() -> None:
    mask = split(torch.zeros(2, 6), 2, 1, rng=rng(2)).predict_all()
    assert torch.equal(mask.predicted_ids, mask.masked_ids)
