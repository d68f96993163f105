"""Everything that is to be known of a card, in eight minutes: parts in processes of their own, each
within its time, and one JSON file that grows with each of them.

bench/gpu_check.sh starts it. A part that fails or takes too long does not stop the others.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from maskwright.support.environment import describe_device, versions
from sizes import SIZES

HERE = Path(__file__).parent
TOTAL_SECONDS = 470.0
# What MPS cannot do and a processor does for it; torch says so once for each operation.
FALLS_BACK = re.compile(r"The operator '(\S+)' is not currently supported on the MPS backend")


@dataclass(frozen=True)
class PartPlan:
    """A part: its program, and the seconds it may take on a card."""

    name: str
    seconds: float


# What is wanted most comes first; the last takes what is left.
PARTS = (
    PartPlan("device_tests", 75),
    PartPlan("steps_eager", 80),
    PartPlan("steps_compiled", 130),
    PartPlan("whole_run", 75),
    PartPlan("precisions", 45),
    PartPlan("policies", 40),
    PartPlan("learned_features", 345),
)
LEAST_SECONDS = 15.0
# A trial on a CPU asks whether the programs work, perhaps beside much other work: it may take long.
PATIENCE_ON_CPU = 6.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=list(SIZES))
    parser.add_argument("--out", type=Path, default=Path("build/gpu_check"))
    parser.add_argument("--only", nargs="+", help="names of parts")
    parser.add_argument("--data", help="labeled pictures for the last part")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"machine": describe_machine(given.kind), "parts": {}}
    target = given.out / f"gpu_check_{given.kind}.json"
    patience = PATIENCE_ON_CPU if given.kind == "cpu" else 1.0
    started = time.monotonic()
    ends = started + patience * TOTAL_SECONDS
    for plan in PARTS:
        if given.only and plan.name not in given.only:
            continue
        seconds = min(patience * plan.seconds, ends - time.monotonic())
        report["parts"][plan.name] = (
            run_part(plan, given.kind, given.out, seconds, given.data)
            if seconds >= LEAST_SECONDS
            else {"failed": "no time was left"}
        )
        report["seconds"] = round(time.monotonic() - started, 1)
        target.write_text(json.dumps(report, indent=1))
    print(f"\n{summary(report)}\nwritten to {target}")


def describe_machine(kind: str) -> dict[str, Any]:
    """What was measured on."""
    device = SIZES[kind].place.device
    told: dict[str, Any] = {"kind": kind, "device": describe_device(device), **versions()}
    told |= {"processors": os.cpu_count(), "system": platform.platform()}
    if device.type == "cuda":
        told["card_gigabytes"] = round(torch.cuda.get_device_properties(0).total_memory / 1e9, 1)
    return told


def run_part(
    plan: PartPlan, kind: str, out: Path, seconds: float, data: str | None
) -> dict[str, Any]:
    """Run a part's program; returns what it has written by its end, whatever that was."""
    written = out / f"{plan.name}.json"
    written.unlink(missing_ok=True)
    words = [sys.executable, str(HERE / f"{plan.name}.py"), kind, "--out", str(written)]
    words += ["--seconds", str(seconds), *(["--data", data] if data else [])]
    # What an operation of MPS lacks, the processor does, and torch names it.
    environment = {**os.environ, "PYTORCH_ENABLE_MPS_FALLBACK": "1", "PYTHONUNBUFFERED": "1"}
    print(f"\n== {plan.name}, at most {seconds:.0f} s", flush=True)
    log = out / f"{plan.name}.log"
    started = time.monotonic()
    with log.open("w") as file:
        ending = "ended"
        try:
            done = subprocess.run(
                words,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
            if done.returncode:
                ending = f"exit code {done.returncode}"
        except subprocess.TimeoutExpired:
            ending = "stopped when its time was over"
    text = log.read_text(errors="replace")
    print(text[-3000:], flush=True)
    results = json.loads(written.read_text()) if written.exists() else {}
    results |= {"ending": ending, "seconds": round(time.monotonic() - started, 1)}
    if fallen := sorted(set(FALLS_BACK.findall(text))):
        results["operations_that_fall_back"] = fallen
    if ending != "ended":
        results["last_words"] = text[-600:]
    return results


def summary(report: dict[str, Any]) -> str:
    """One line a part: how it ended and how many of its results are failures."""
    lines = [f"{report['machine']['device']}, {report['seconds']:.0f} s"]
    for name, results in report["parts"].items():
        failed = [
            key for key, value in results.items() if isinstance(value, dict) and "failed" in value
        ]
        tests = results.get("tests", {})
        if isinstance(tests, dict) and tests.get("failed"):
            failed = tests["names_of_failed"] if isinstance(tests["failed"], int) else ["tests"]
        said = f"; failed: {', '.join(failed)}" if failed else ""
        lines.append(f"{name:18}{results.get('ending', results.get('failed'))}{said}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
