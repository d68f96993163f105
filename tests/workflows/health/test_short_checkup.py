"""How much a training may spend at its end on asking whether it works."""

from __future__ import annotations

import pytest

from maskwright.workflows.health.short_checkup import MOST_SHARE, takes_long


@pytest.mark.parametrize("trained", [1e16, 1e18])
def test_a_long_training_may_ask_longer_than_a_short_one(trained: float) -> None:
    assert not takes_long(0.9 * MOST_SHARE * trained, trained)
    assert takes_long(1.1 * MOST_SHARE * trained, trained)


def test_a_few_seconds_are_always_spent() -> None:
    # Of any core, so that a training of a few steps ends with an answer, too.
    assert not takes_long(1e10, 0)
    assert takes_long(1e16, 0)
