"""The checks of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

import maskwright
from maskwright.workflows.health.machine import examine_machine


def test_doctor_says_when_the_cache_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "file" / "cache"))
    cache = next(check for check in examine_machine() if check.name == "cache")
    assert cache.failed
    assert "Set MASKWRIGHT_CACHE to a folder" in cache.result


def test_doctor_finds_this_machine_sound() -> None:
    checks = maskwright.doctor()
    assert not any(item.failed for item in checks)
    assert {"patches", "counts", "seeds", "blindness"} <= {item.name for item in checks}
