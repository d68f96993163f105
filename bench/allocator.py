"""Time a training step with the system's allocator and with freed memory kept, beside the peer as
it comes; processes take turns.

python bench/allocator.py [--rounds 4] [--shapes 0,1,2,3]
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import time

from maskwright.support.environment import keep_freed_memory
from peers_and_ours import SHAPES, Step, build_our_step, build_peer_step

CANDIDATES = ("peer", "full", "full kept", "cross kept")


def build(name: str, shape: int) -> Step:
    """The step of one candidate, in a process that is its own."""
    if name.endswith("kept"):
        keep_freed_memory()
    if name == "peer":
        return build_peer_step(SHAPES[shape])
    return (
        build_our_step(SHAPES[shape], "cross", 1 / 3)
        if name.startswith("cross")
        else build_our_step(SHAPES[shape])
    )


def time_here(name: str, shape: int) -> float:
    """Median seconds of six steps after two."""
    step = build(name, shape)
    times = []
    for turn in range(8):
        start = time.perf_counter()
        step()
        if turn > 1:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def time_apart(name: str, shape: int) -> float:
    """The same in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, str(shape)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--shapes", default="0,1,2,3")
    parser.add_argument("--one", nargs=2)
    given = parser.parse_args()
    if given.one:
        print(time_here(given.one[0], int(given.one[1])))
        return
    medians: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for shape in map(int, given.shapes.split(",")):
        rounds = [
            {name: time_apart(name, shape) for name in CANDIDATES} for _ in range(given.rounds)
        ]
        for name in CANDIDATES:
            ratios = [times["peer"] / times[name] for times in rounds]
            medians[name].append(statistics.median(ratios))
            milliseconds = sorted(1e3 * times[name] for times in rounds)
            shown = " ".join(f"{value:.0f}" for value in milliseconds)
            print(
                f"{SHAPES[shape]!s:16} {name:10} {shown} ms, against the peer {min(ratios):.2f}"
                f" {medians[name][-1]:.2f} {max(ratios):.2f}x",
                flush=True,
            )
    for name in CANDIDATES:
        print(
            f"geometric mean {name}:"
            f" {math.exp(statistics.fmean(map(math.log, medians[name]))):.2f}x"
        )


if __name__ == "__main__":
    main()
