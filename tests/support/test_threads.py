"""Waiting threads: a default before torch is loaded, and the user's word before ours."""

from __future__ import annotations

import pytest

from maskwright.support.threads import SPINS, wait_briefly


@pytest.mark.parametrize(("given", "expected"), [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)])
def test_the_spin_count_is_set_unless_the_user_chose(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str | None) -> None:
    environment = dict(given)
    monkeypatch.setattr("maskwright.support.threads.os.environ", environment)
    wait_briefly()
    assert environment.get("GOMP_SPINCOUNT") == expected
