"""What the package says is shown in a plain script, where nobody has set up logging."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def said(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_a_plain_script_sees_what_is_said() -> None:
    assert (
        said(
            "from maskwright.support.reporting import LogReporter; LogReporter().say('found 3"
            " images')"
        )
        == "found 3 images\n"
    )


def test_a_script_with_logging_of_its_own_sees_it_once() -> None:
    lines = "import logging; logging.basicConfig(level='INFO', format='own %(message)s')"
    assert (
        said(
            f"{lines}; from maskwright.support.reporting import LogReporter;"
            " LogReporter().say('hello')"
        )
        == "own hello\n"
    )


def test_an_invisible_reporter_stays_silent() -> None:
    assert (
        said(
            "from maskwright.support.reporting import LogReporter;"
            " LogReporter(visible=False).say('hello')"
        )
        == ""
    )
