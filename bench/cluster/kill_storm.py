"""Kill a pretraining of two processes at random moments, go on, and compare its end with one that
was left alone.

python bench/cluster/kill_storm.py [--kills 30] [--each 10] [--steps 300] [--place FOLDER]

Each time one process is drawn: the first, the second, or both at once get SIGKILL. The other one
has to end by itself, with a sentence. A run takes at most `--each` kills and is then left to end;
then the next run begins. Wanted: every run ends with the same bits and the same rows of numbers as
the one that was left alone, nothing is left running, and no file is left behind half written. Exit
code 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from matrix import draw_pictures

SETTINGS = {
    "--devices": "2",
    "--batch-size": "8",
    "--image-size": "16",
    "--patch-size": "4",
    "--model": "vit_nano",
    "--policy": "hard",
    "--ema": "0.9",
    "--device": "cpu",
    "--precision": "32-true",
    "--track": "none",
    "--sample-every": "1000",
    "--save-minutes": "0.02",
    "--seed": "7",
}
# A process that has lost the other has to end within this time.
SECONDS_TO_END = 120.0
# Share of the kills that come while a run starts.
AT_START = 0.2
WHO = ("the first", "the second", "both")


@dataclass
class Storm:
    """What happened.

    faults: what should not have.
    waits: seconds until the process that was not killed had ended.
    """

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WHO, 0))
    faults: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(self.kills.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--place", type=Path)
    given = parser.parse_args()
    place = given.place or Path(tempfile.mkdtemp())
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / "pictures.npy", draw_pictures())
    os.environ |= {"MASKWRIGHT_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}

    # A storm that was broken off goes on beside the run that it had left alone.
    if not (place / "whole" / "exported").exists():
        first = start(place / "whole", place, given.steps)
        said = first.communicate()[0]
        if first.returncode:
            raise SystemExit(f"the run that nobody disturbs failed: {said[-2000:]}")

    storm, rng, number = Storm(), random.Random(0), 0
    while storm.count < given.kills:
        run = place / f"storm{number}"
        number += 1
        disturb(run, place, given, storm, rng)
        compare(place / "whole", run, storm)
        print(f"{run.name}: {storm.count} kills so far, {len(storm.faults)} faults", flush=True)
    report(storm, number)
    return int(bool(storm.faults))


def start(run: Path, place: Path, steps: int) -> subprocess.Popen[str]:
    """Begin the run or go on with it, in a session of its own."""
    words = [sys.executable, "-m", "maskwright", "pretrain"]
    if (run / "checkpoints" / "last.ckpt").exists():
        words += ["--resume"]
    else:
        words += [str(place / "pictures.npy"), "--overwrite", "--steps", str(steps)]
        words += [word for pair in SETTINGS.items() for word in pair]
    return subprocess.Popen(
        [*words, "--no-checkup", "--out", str(run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def disturb(
    run: Path,
    place: Path,
    given: argparse.Namespace,
    storm: Storm,
    rng: random.Random,
) -> None:
    """Kill a run again and again, and then let it end."""
    for _ in range(given.each):
        if storm.count >= given.kills:
            break
        process = start(run, place, given.steps)
        wait_for_moment(process, run, given.steps, rng)
        if process.poll() is None:
            kill(process, rng.choice(WHO), storm)
            continue
        # It was quicker than the kill.
        if process.returncode:
            said = process.communicate()[0]
            storm.faults.append(f"ended with {process.returncode}: {said[-1500:]}")
        return
    process = start(run, place, given.steps)
    said, _ = process.communicate()
    if process.returncode:
        storm.faults.append(f"going on ended with {process.returncode}: {said[-1500:]}")


def wait_for_moment(
    process: subprocess.Popen[str], run: Path, steps: int, rng: random.Random
) -> None:
    """Wait for a random moment: while it starts, or some steps later and in the middle of one."""
    began = count_steps(run)
    if rng.random() < AT_START:
        time.sleep(rng.uniform(1, 10))
        return
    wanted = began + rng.randint(1, max(1, steps // 3))
    while process.poll() is None and count_steps(run) < wanted:
        time.sleep(0.02)
    time.sleep(rng.uniform(0, 0.5))


def count_steps(run: Path) -> int:
    """The last step of which a run has written a row."""
    rows = run / "metrics.jsonl"
    lines = rows.read_text().splitlines() if rows.exists() else []
    # The last line may be half written.
    return json.loads(lines[-2])["step"] if len(lines) > 1 else 0


def kill(process: subprocess.Popen[str], who: str, storm: Storm) -> None:
    """SIGKILL to one process or both, and see that nothing is left."""
    others = children_of(process.pid)
    if who == "the second" and not others:
        who = "the first"  # there is no second process yet
    storm.kills[who] += 1
    victims = {"the first": [process.pid], "the second": others, "both": [process.pid, *others]}
    for victim in victims[who]:
        os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    said = wait_for(process, storm)
    for other in others:
        while is_alive(other):
            if time.monotonic() - killed > SECONDS_TO_END:
                storm.faults.append(f"the other process lived on after {who} had been killed")
                os.kill(other, signal.SIGKILL)
            time.sleep(0.05)
    storm.waits.append(time.monotonic() - killed)
    if "Traceback" in said:
        storm.faults.append(f"a traceback after {who} had been killed: {said[-1500:]}")


def wait_for(process: subprocess.Popen[str], storm: Storm) -> str:
    """What a process has said by its end, which has to come by itself."""
    try:
        said, _ = process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        storm.faults.append(f"the first process did not end within {SECONDS_TO_END:.0f} s")
        process.kill()
        said, _ = process.communicate()
    return said


def children_of(parent: int) -> list[int]:
    """Process numbers of a process's children."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(word) for word in listed.split()]


def is_alive(number: int) -> bool:
    """Whether a process runs still; one that only waits to be collected has ended."""
    try:
        words = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return False
    return words[0] != "Z"


def compare(whole: Path, run: Path, storm: Storm) -> None:
    """Bits of the end, rows of numbers, and files."""
    ends = [
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        for folder in (whole, run)
    ]
    for part in ("state_dict", "current_model_state"):
        left, right = ends[0][part], ends[1][part]
        differing = [name for name in left if not same(left[name], right[name])]
        if left.keys() != right.keys() or differing:
            storm.faults.append(f"{run.name}: {part} differs in {differing[:3]}")
    steps = [
        [row["step"] for row in map(json.loads, (folder / "metrics.jsonl").open()) if "loss" in row]
        for folder in (whole, run)
    ]
    if steps[0] != steps[1]:
        storm.faults.append(f"{run.name}: {len(steps[1])} rows instead of {len(steps[0])}")
    states = [json.loads((folder / "run.json").read_text()) for folder in (whole, run)]
    for name in ("state", "step", "images", "model_flops"):
        if states[0][name] != states[1][name]:
            storm.faults.append(
                f"{run.name}: {name} {states[1][name]} instead of {states[0][name]}"
            )
    left_behind = [path.name for path in run.rglob("*") if path.suffix in (".tmp", ".part")]
    if left_behind:
        storm.faults.append(f"{run.name}: left behind {left_behind[:3]}")


def same(left: object, right: object) -> bool:
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return torch.equal(left, right)
    return left == right


def report(storm: Storm, runs: int) -> None:
    """What happened, in a few lines."""
    counts = ", ".join(f"{who} {count}" for who, count in storm.kills.items())
    print(f"{storm.count} kills in {runs} runs ({counts})")
    if storm.waits:
        print(
            f"the other process ended after {statistics.median(storm.waits):.1f} s, at most"
            f" {max(storm.waits):.1f} s"
        )
    print(f"{len(storm.faults)} faults", *storm.faults, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
