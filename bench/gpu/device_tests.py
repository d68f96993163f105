"""Part: the tests marked `cuda`, on the device that is checked."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

from part import Part, open_part

ROOT = Path(__file__).parents[2]


def marked_files() -> list[str]:
    """Test files that hold a marked test; collecting all others would take longer than running."""
    return [
        str(path)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "mark.cuda" in path.read_text(encoding="utf-8")
    ]


def run_tests(part: Part) -> dict[str, Any]:
    """Run them; returns how each ended."""
    listing = part.out.with_suffix(".xml")
    words = [sys.executable, "-m", "pytest", "-m", "cuda", f"--junitxml={listing}"]
    # Versions of a machine without network may warn of what is no fault of the code.
    words += ["-o", "filterwarnings=default", "--timeout=100", "--durations=5", *marked_files()]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, "MASKWRIGHT_TEST_DEVICE": part.sizes.place.device.type},
        capture_output=True,
        text=True,
        timeout=max(10.0, part.seconds_left - 2),
        check=False,
    )
    print(done.stdout[-4000:], done.stderr[-2000:], flush=True)
    cases = list(xml.parse(listing).getroot().iter("testcase"))
    ends = {case.get("name", "?"): ending(case) for case in cases}
    counts = {end: list(ends.values()).count(end) for end in ("passed", "failed", "skipped")}
    failed = [name for name, end in ends.items() if end == "failed"]
    return {**counts, "names_of_failed": failed, "exit_code": done.returncode}


def ending(case: xml.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def main() -> None:
    part = open_part()
    part.attempt("tests", lambda: run_tests(part))
    part.keep("complete", True)


if __name__ == "__main__":
    main()
