"""The check of a card: parts that fail or take too long leave the others alone, and what each found
is kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[1] / "bench"
WRITES = "import sys; out = sys.argv[sys.argv.index('--out') + 1]; open(out, 'w').write"
PROGRAMS = {
    "good": WRITES + "('{\"speed\": 3}')",
    "broken": WRITES + "('{\"first\": 1}'); raise ValueError('no card')",
    "slow": WRITES + "('{\"first\": 1}'); import time; time.sleep(60)",
    "falling": "print(\"UserWarning: The operator 'aten::unique_dim' is not currently supported on"
    ' the MPS backend and will fall back to run on the CPU.")',
}


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """bench/gpu/check.py with programs of a line each in the place of its parts."""
    for folder in (BENCH, BENCH / "gpu"):
        monkeypatch.syspath_prepend(str(folder))
    import check

    for name, line in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(line)
    monkeypatch.setattr(check, "HERE", tmp_path)
    monkeypatch.setattr(check, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(check, "PATIENCE_ON_CPU", 1.0)
    monkeypatch.setattr(check, "PARTS", [check.PartPlan(name, 2.0) for name in PROGRAMS])
    return check


def test_parts_that_fail_leave_the_others_alone(
    check: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["check.py", "cpu", "--out", str(tmp_path)])
    check.main()
    report = json.loads((tmp_path / "gpu_check_cpu.json").read_text())
    parts = report["parts"]
    assert (parts["good"]["speed"], parts["good"]["ending"]) == (3, "ended")
    assert (parts["broken"]["first"], parts["broken"]["ending"]) == (1, "exit code 1")
    assert "no card" in parts["broken"]["last_words"]
    assert parts["slow"]["first"] == 1
    assert "time was over" in parts["slow"]["ending"]
    assert parts["falling"]["operations_that_fall_back"] == ["aten::unique_dim"]
    assert report["machine"]["kind"] == "cpu"
    said = capsys.readouterr().out
    assert "slow              stopped when its time was over" in said


def test_every_part_has_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.syspath_prepend(str(BENCH / "gpu"))
    import check

    for plan in check.PARTS:
        assert (BENCH / "gpu" / f"{plan.name}.py").is_file()
    # The last part takes what is left, so that all of them stay below eight minutes.
    assert sum(plan.seconds for plan in check.PARTS[:-1]) < check.TOTAL_SECONDS < 480


def test_steps_are_timed_beside_the_peer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in (BENCH, BENCH / "gpu"):
        monkeypatch.syspath_prepend(str(folder))
    import part
    import sizes
    import steps_eager

    found = part.Part(sizes.TRIAL, tmp_path / "steps.json", 60.0)
    found.attempt("steps", lambda: steps_eager.compare(found, sizes.TINY, peak=1e12))
    found.attempt("nothing", lambda: 1 / 0)
    kept = json.loads((tmp_path / "steps.json").read_text())
    assert kept["steps"]["full"]["images_per_s"] > 0
    assert kept["steps"]["cross_over_peer"] > 0
    assert kept["nothing"] == {"failed": "ZeroDivisionError: division by zero"}
