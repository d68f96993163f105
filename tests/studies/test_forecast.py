"""Hours and disk of the trials that are missing, from rates that say where they come from."""

from __future__ import annotations

import pytest

from maskwright.studies import forecast as forecasting
from maskwright.studies.forecast import Forecast, Rate, find_rate, forecast
from maskwright.studies.record import Compute
from maskwright.workflows.settings.recipes import build_settings
from tests.studies.synthetic import synthetic_trial

TINY = build_settings(
    data="x", model="vit_nano", image_size=16, patch_size=4, channels=3, decoder="full"
)


def test_hours_are_the_operations_of_missing_trials_over_the_rate() -> None:
    cost = Compute(steps=1, images=1, encoder_tokens=1, decoder_tokens=1, flops=3.6e12)
    missing = [("a", 0), ("a", 1), ("cannot run here", 0)]
    found = forecast({"a": cost}, {"a": TINY}, missing, Rate(1e9, "by hand", beside=36.0))
    assert found.hours == pytest.approx(2 * (3600 + 36) / 3600)
    assert 0 < found.gigabytes < 0.1
    assert "by hand, and 36 s a trial" in found.format(Rate(1e9, "by hand", beside=36.0))


def test_a_training_by_the_clock_takes_its_minutes() -> None:
    cost = Compute(steps=0, images=0, encoder_tokens=0, decoder_tokens=0)
    timed = TINY.with_values(minutes=30)
    found = forecast({"a": cost}, {"a": timed}, [("a", 0)], Rate(1e9, "by hand"))
    assert found.hours == 0.5
    assert "about 30 minutes of training" in found.format(Rate(1e9, "by hand"))
    assert "by hand" not in found.format(Rate(1e9, "by hand")), "no speed was used"


def test_the_minutes_of_a_budget_stand_in_place_of_the_length_of_the_settings() -> None:
    cost = Compute(steps=0, images=0, encoder_tokens=0, decoder_tokens=0)
    lengths = {"a": {"minutes": 3.0}}
    missing = [("a", 0), ("a", 1)]
    found = forecast({"a": cost}, {"a": TINY}, missing, Rate(1e9, "", beside=60.0), lengths)
    assert found.hours == pytest.approx(2 * 4 / 60)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0.01, "1 trial to run: about a minute of training"),
        (1.0, "1 trial to run: about 60 minutes of training"),
        (2.34, "1 trial to run: about 2.3 hours of training"),
        (None, "1 trial to run: an unknown time of training"),
    ],
)
def test_a_forecast_is_in_the_unit_that_people_say(hours: float | None, words: str) -> None:
    assert words in Forecast(1, hours, 0.1).format(Rate(1e9, "by hand"))


def test_finished_trials_give_the_rate_and_what_comes_on_top() -> None:
    trial = synthetic_trial("random", 0, 0.0)  # 1.2e12 operations in 60 s, a minute by the clock
    rate = find_rate([trial], TINY)
    assert rate.flops == pytest.approx(1.2e12 / 60)
    assert (rate.source, rate.beside) == ("measured on 1 trial that ended", 0.0)


def test_without_trials_a_few_steps_are_timed() -> None:
    rate = find_rate([], TINY)
    assert rate.flops > 1e6
    assert "just now" in rate.source


def test_steps_are_timed_in_the_batch_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models are slow in batches of four: hours would be several times too many."""
    timed: list[tuple[int, int]] = []

    def time(self: forecasting._Passes, batch: int, count: int) -> float:
        timed.append((batch, count))
        return 0.1 * count

    monkeypatch.setattr(forecasting._Passes, "time", time)
    rate = forecasting.time_steps(TINY.with_values(batch_size=24))
    assert timed == [(4, 1), (4, 1), (8, 1), (16, 1), (24, 1), (24, 15)]
    flops = forecasting._Passes(TINY).flops
    assert rate == pytest.approx(24 * flops / 0.1)

    monkeypatch.setattr(forecasting, "_SHORT", 0.05)
    timed.clear()
    forecasting.time_steps(TINY.with_values(batch_size=24))
    assert {batch for batch, _ in timed} == {4}, "a large model is timed with few pictures"
