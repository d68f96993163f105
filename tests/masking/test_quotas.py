"""Rankings that give every part its share: known answers, a slow reference beside each formula, and
properties for any sizes.
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from maskwright.masking.quotas import (
    Division,
    call_by_ratio,
    call_by_share,
    call_by_size,
    divide_patches,
)
from maskwright.support.seeding import sample_rng

SIZES = st.lists(st.integers(0, 12), min_size=1, max_size=5).filter(any)
SHARES = st.floats(0, 1)


def division_of(sizes: list[int], seed: int = 0) -> Division:
    """One image whose parts have these sizes, its patches in random order."""
    bits = sample_rng(seed, 0, torch.arange(1)).bits(2, sum(sizes))
    ids = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))[
        bits[0, 0].argsort()
    ]
    return divide_patches(ids[None], len(sizes), bits[:, 1])


def count_parts(division: Division, calls: Tensor, num_masked: int) -> list[int]:
    """How many patches of each part are masked."""
    masked = calls[0].argsort(stable=True)[:num_masked]
    return division.ids[0, masked].bincount(minlength=division.sizes.shape[1]).tolist()


def curve(masked: float, size: int, before: float, total: int, whole: float) -> float:
    """Patches that a part wants of so many masked, straight from the sentence in `call_by_size`."""
    return (1 - whole) * masked * size / total + whole * min(size, max(0.0, masked - before))


def bisect(wanted: float, size: int, before: float, total: int, whole: float) -> float:
    """The count of masked patches at which the part wants that many."""
    low, high = 0.0, float(total)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if curve(middle, size, before, total, whole) < wanted else (low, middle)
        )
    return high


def test_places_number_the_patches_of_each_part_in_the_order_of_their_bits() -> None:
    division = divide_patches(
        torch.tensor([[1, 0, 1, 1, 0]]), 3, torch.tensor([[30, 20, 10, 40, 5]])
    )
    assert division.sizes.tolist() == [[2, 3, 0]]
    assert division.turns.tolist() == [[2, 2, 1, 3, 1]]


def test_places_are_a_fair_draw() -> None:
    ids = torch.tensor([0, 0, 1, 1, 1]).expand(6000, 5)
    places = divide_patches(ids, 2, sample_rng(0, 0, torch.arange(6000)).bits(5)).turns
    assert torch.allclose(
        (places == 1).float().mean(0), torch.tensor([0.5, 0.5, 1 / 3, 1 / 3, 1 / 3]), atol=0.03
    )


@pytest.mark.parametrize(
    ("share", "masked", "first"),
    [
        (0.5, 8, 4),
        (0.25, 8, 2),
        (1.0, 3, 3),
        (1.0, 8, 6),
        (0.0, 8, 0),
        (0.0, 12, 2),
        (0.7, 4, 3),
        (0.2, 4, 1),
    ],
)
def test_a_share_is_rounded_and_spills_over(share, masked, first) -> None:
    division = division_of([6, 10])
    assert count_parts(
        division, call_by_share(division, torch.tensor([[share, 1 - share]])), masked
    ) == [first, masked - first]


@settings(max_examples=150, deadline=None)
@given(first=st.integers(0, 20), second=st.integers(0, 20), share=SHARES, seed=st.integers(0, 99))
def test_shares_agree_with_counting_one_by_one(first, second, share, seed) -> None:
    if not first + second:
        return
    division = division_of([first, second], seed)
    calls = call_by_share(division, torch.tensor([[share, 1 - share]]))
    for masked in range(1, first + second):
        wanted = masked * share
        if abs(wanted % 1 - 0.5) < 1e-3:
            continue  # halves go either way
        expected = min(max(round(wanted), masked - second), first)
        assert count_parts(division, calls, masked) == [expected, masked - expected]


@settings(max_examples=150, deadline=None)
@given(first=st.integers(0, 20), second=st.integers(0, 20), whole=SHARES)
def test_two_parts_in_turn_are_rounded_to_the_nearest(first, second, whole) -> None:
    if not first + second:
        return
    division = division_of([first, second])
    calls = call_by_size(division, torch.full((1, 2), 0.5), torch.tensor([[0.0, first]]), whole)
    for masked in range(1, first + second):
        wanted = curve(masked, first, 0, first + second, whole)
        if abs(wanted % 1 - 0.5) > 1e-3:
            assert count_parts(division, calls, masked) == [round(wanted), masked - round(wanted)]


@settings(max_examples=80, deadline=None)
@given(sizes=SIZES, whole=SHARES, offset=st.floats(0, 0.99), seed=st.integers(0, 99))
def test_calls_are_where_the_curve_of_the_part_gets_there(sizes, whole, offset, seed) -> None:
    division = division_of(sizes, seed)
    before = [float(sum(sizes[:part])) for part in range(len(sizes))]
    calls = call_by_size(
        division, torch.full((1, len(sizes)), offset), torch.tensor([before]), whole
    )
    for part, place, call in zip(
        division.ids[0].tolist(), division.turns[0].tolist(), calls[0].tolist(), strict=True
    ):
        slow = bisect(place - offset, sizes[part], before[part], sum(sizes), whole)
        assert curve(call, sizes[part], before[part], sum(sizes), whole) == pytest.approx(
            place - offset, abs=1e-3
        )
        assert curve(slow, sizes[part], before[part], sum(sizes), whole) == pytest.approx(
            place - offset, abs=1e-3
        )


@settings(max_examples=80, deadline=None)
@given(sizes=SIZES, whole=SHARES, seed=st.integers(0, 99))
def test_counts_are_exact_within_the_parts_and_only_grow(sizes, whole, seed) -> None:
    division = division_of(sizes, seed)
    offsets = sample_rng(seed, 1, torch.arange(1)).uniform(len(sizes))
    before = torch.tensor([[float(sum(sizes[:part])) for part in range(len(sizes))]])
    calls = call_by_size(division, offsets, before, whole)
    last = [0] * len(sizes)
    for masked in range(1, sum(sizes) + 1):
        counts = count_parts(division, calls, masked)
        assert sum(counts) == masked
        assert all(
            low <= count <= size for low, count, size in zip(last, counts, sizes, strict=True)
        )
        wanted = [
            curve(masked, size, float(start), sum(sizes), whole)
            for size, start in zip(sizes, before[0].tolist(), strict=True)
        ]
        assert (
            max(abs(count - one) for count, one in zip(counts, wanted, strict=True))
            <= (len(sizes) + 1) / 2
        )
        last = counts


@settings(max_examples=80, deadline=None)
@given(sizes=SIZES, data=st.data())
def test_ratios_that_add_up_to_the_total_are_met(sizes, data) -> None:
    """Each part has its share rounded down or up, but for what the roundings together are off."""
    ratios = [data.draw(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])) for _ in sizes]
    wanted = [ratio * size for ratio, size in zip(ratios, sizes, strict=True)]
    masked = round(sum(wanted))
    if not 0 < masked < sum(sizes):
        return
    division = division_of(sizes)
    offsets = sample_rng(0, 1, torch.arange(1)).uniform(len(sizes))
    counts = count_parts(division, call_by_ratio(division, offsets, torch.tensor([ratios])), masked)
    assert (
        max(abs(count - one) for count, one in zip(counts, wanted, strict=True))
        <= (len(sizes) + 1) / 2
    )
    assert sum(counts) == masked


def test_a_part_of_one_patch_is_masked_as_often_as_its_ratio_says() -> None:
    ids = torch.tensor([0] + [1] * 15).expand(8000, 16)
    rng = sample_rng(0, 0, torch.arange(8000))
    division = divide_patches(ids, 2, rng.bits(16))
    calls = call_by_size(division, rng.uniform(2), torch.zeros(1, 2), whole=0.0)
    masked = torch.zeros(8000, 16).scatter_(1, calls.argsort(1)[:, :12], 1.0)
    assert torch.allclose(masked.mean(0), torch.full((16,), 0.75), atol=0.02)
