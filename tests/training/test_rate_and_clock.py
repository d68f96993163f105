"""Learning rate and progress are plain functions with exact ends."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maskwright.support.count_progress import format_time
from maskwright.training.clock import Clock, count_steps
from maskwright.training.optimizer import build_optimizer
from maskwright.training.schedule_lr import LearningRate


def test_the_rate_rises_to_its_peak_and_falls_to_its_minimum() -> None:
    rate = LearningRate(peak=1.0, minimum=0.1, warmup=0.2)
    assert [rate.at(progress) for progress in (0.0, 0.1, 0.2)] == [0.0, 0.5, 1.0]
    assert rate.at(0.6) == pytest.approx(0.55)
    assert rate.at(1.0) == pytest.approx(0.1)


def test_progress_is_zero_at_the_first_step_and_one_at_the_last() -> None:
    clock = Clock(total_steps=11)
    assert [clock.progress(step) for step in (0, 5, 10)] == [0.0, 0.5, 1.0]
    assert 0 < clock.rate_progress(0) < clock.rate_progress(10) < 1
    assert [clock.is_over(step) for step in (10, 11)] == [False, True]


def test_a_clock_of_minutes_counts_earlier_parts_of_the_run() -> None:
    clock = Clock(None, minutes=1.0, earlier_seconds=61.0)
    assert clock.is_over(0)
    assert clock.progress(0) == 1.0


@pytest.mark.parametrize(
    ("epochs", "batches", "accumulate", "expected"),
    [(2, 10, 1, 20), (2, 10, 4, 6), (0.5, 10, 1, 5), (0.01, 10, 1, 1)],
)
def test_steps_of_an_epoch_count_its_last_short_accumulation(
    epochs: float, batches: int, accumulate: int, expected: int
) -> None:
    assert count_steps(epochs, batches, accumulate) == expected


def test_vectors_tokens_and_positions_are_not_decayed() -> None:
    model = nn.Module()
    model.layer = nn.Linear(3, 4)
    model.cls_token = nn.Parameter(torch.zeros(1, 1, 4))
    model.pos_embed = nn.Parameter(torch.zeros(1, 5, 4), requires_grad=False)
    optimizer = build_optimizer([model], weight_decay=0.1, beta2=0.95)
    decayed, spared = optimizer.param_groups
    assert {group["betas"] for group in optimizer.param_groups} == {(0.9, 0.95)}
    assert [tuple(value.shape) for value in decayed["params"]] == [(4, 3)]
    assert {tuple(value.shape) for value in spared["params"]} == {(4,), (1, 1, 4)}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


@pytest.mark.parametrize(("seconds", "reported"), [(5.4, "5s"), (190, "3m10s"), (7500, "2h05m")])
def test_times_are_spelled_for_people(seconds: float, reported: str) -> None:
    assert format_time(seconds) == reported
