"""Schedules hit their ends exactly, never jump where they are ramps, and read back from their own
text.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from maskwright.schedules import Constant, Cosine, Linear, Steps, Uniform, parse_schedule
from maskwright.support.errors import MaskwrightError

RAMPS = [
    Linear(0.1, 0.7),
    Cosine(0.1, 0.7),
    Linear(0.9, 0.3, until=0.3),
    Cosine(0.3, 0.9, until=0.7),
]


@pytest.mark.parametrize("ramp", RAMPS, ids=str)
def test_a_ramp_reaches_both_ends_exactly_and_holds(ramp) -> None:
    assert ramp.at(0.0) == ramp.start
    assert ramp.at(ramp.until) == ramp.at(1.0) == ramp.end


@pytest.mark.parametrize("ramp", RAMPS, ids=str)
def test_a_ramp_goes_one_way_without_jumps(ramp) -> None:
    values = [ramp.at(step / 1000) for step in range(1001)]
    steps = [
        (after - before) * (1 if ramp.end > ramp.start else -1)
        for before, after in pairwise(values)
    ]
    assert min(steps) >= 0
    assert max(steps) < 0.01


def test_a_linear_ramp_is_halfway_at_half_and_a_cosine_starts_slower() -> None:
    assert [Linear(0.0, 1.0).at(0.5), Cosine(0.0, 1.0).at(0.5)] == pytest.approx([0.5, 0.5])
    assert Cosine(0.0, 1.0).at(0.1) < Linear(0.0, 1.0).at(0.1)


def test_steps_change_at_their_points() -> None:
    steps = parse_schedule("steps(0.5, 0.6, 0.75, at=[0.2, 0.4])")
    assert [steps.at(p) for p in (0.0, 0.19, 0.2, 0.39, 0.4, 1.0)] == [
        0.5,
        0.5,
        0.6,
        0.6,
        0.75,
        0.75,
    ]


def test_steps_are_spread_evenly_unless_told() -> None:
    assert parse_schedule("steps(1, 2, 3, 4)") == Steps((1.0, 2.0, 3.0, 4.0), (0.25, 0.5, 0.75))


def test_a_uniform_schedule_follows_the_draw_and_not_the_progress() -> None:
    schedule = Uniform(0.6, 0.9)
    assert schedule.at(0.0, draw=0.0) == 0.6
    assert schedule.at(0.3, draw=0.5) == schedule.at(0.9, draw=0.5) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        (0.75, Constant(0.75)),
        (1, Constant(1.0)),
        ("0.75", Constant(0.75)),
        ("0.5->0.75", Linear(0.5, 0.75)),
        ("linear(0.5->0.75, until=0.4)", Linear(0.5, 0.75, 0.4)),
        ("cosine(0.5->0.75)", Cosine(0.5, 0.75)),
        ("uniform(0.6, 0.9)", Uniform(0.6, 0.9)),
        (Constant(0.5), Constant(0.5)),
    ],
)
def test_a_schedule_is_read(text, schedule) -> None:
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    "schedule", [*RAMPS, Constant(0.75), Uniform(0.6, 0.9), Steps((0.5, 0.75), (0.4,))], ids=str
)
def test_a_schedule_written_out_reads_back_as_itself(schedule) -> None:
    assert parse_schedule(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("liner(0.5->0.75)", "Did you mean 'linear'"),
        ("linear(0.5)", "write linear"),
        ("linear(0.5->0.75, until=0)", "in \\(0, 1\\]"),
        ("linear(0.5->0.75, til=1)", "write linear"),
        ("steps(0.5, 0.75, at=[0.1, 0.2])", "1 rising change points"),
        ("steps(0.5, 0.6, 0.7, at=[0.5, 0.2])", "rising"),
        ("uniform(0.9, 0.6)", "low <= high"),
        ("random + block", "is not a schedule"),
        (True, "is not a schedule"),
        (None, "is not a schedule"),
        ("0.5->", "Could not read"),
    ],
)
def test_what_is_no_schedule_gets_a_sentence(text, fragment) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        parse_schedule(text)


def test_a_draw_by_picture_takes_few_values_with_both_ends_and_the_middle() -> None:
    schedule = parse_schedule("uniform(0.6, 0.9, per=picture)")
    assert schedule == Uniform(0.6, 0.9, "picture", 7)
    assert schedule.at(0.0) == pytest.approx(0.75)
    assert (schedule.at(0.0, 0.0), schedule.at(0.0, 1.0)) == (0.6, 0.9)
    assert len({schedule.at(0.0, draw / 100) for draw in range(100)}) == 7
    assert parse_schedule(str(schedule)) == schedule
    coarse = parse_schedule("uniform(0.5, 0.9, levels=3)")
    assert coarse == Uniform(0.5, 0.9, "step", 3)
    assert parse_schedule(str(coarse)) == coarse


def test_mistakes_in_a_draw_are_sentences() -> None:
    with pytest.raises(MaskwrightError, match="one of step, picture"):
        parse_schedule("uniform(0.6, 0.9, per=epoch)")
    with pytest.raises(MaskwrightError, match="at least 2"):
        parse_schedule("uniform(0.6, 0.9, levels=1)")
