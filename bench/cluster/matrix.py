"""Two processes are one: every cell of policies x accumulation x averages x lengths x stops, as a
table.

python bench/cluster/matrix.py [--policies random hard ...] [--accumulate 1 3] [--averages 0 0.9]
    [--lengths steps minutes] [--set sample=loss ...] [--out FILE.json]

Two processes on CPUs, joined once by gloo, take one cell after another. A cell is a pretraining of
two epochs, straight through and once more with a stop inside an epoch, asked for by the second
process alone, and gone on with. Wanted in every cell: both processes end with the same bits
(weights, averages, memories, moments, counts), and the run that was stopped ends with the bits of
the one that was not. Lengths in steps are also trained by one process with batches twice as large:
the masks of each sample should be the same, and the weights up to rounding. Lengths in minutes go
by a clock that is made up, faster in the second process, so that they can be repeated. Exit code 1
where a cell falls short.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

POLICIES = ("random", "block(size=2)", "guided", "hard", "predicted_hard", "adversarial")
LENGTHS: dict[str, dict[str, float]] = {"steps": {"steps": 8}, "minutes": {"minutes": 24 / 60}}
PICTURES = 48
RANKS = 2


@dataclass(frozen=True)
class Cell:
    """One combination, trained straight through and with a stop."""

    policy: str
    accumulate: int
    average: float
    length: str
    others: tuple[tuple[str, str], ...] = ()

    def settings(self, batch: int) -> dict[str, Any]:
        """What `pretrain` is given."""
        return {
            "policy": self.policy,
            "accumulate": self.accumulate,
            **({"ema": self.average} if self.average else {}),
            **LENGTHS[self.length],
            **dict(self.others),
            "batch_size": batch,
        }

    def __str__(self) -> str:
        average = f"EMA {self.average}" if self.average else "no EMA"
        return f"{self.policy:15} accumulate {self.accumulate}  {average:8}  {self.length:7}"


def cells_of(given: argparse.Namespace) -> list[Cell]:
    """All combinations that are asked for."""
    others = tuple(tuple(words.split("=", 1)) for words in given.set)
    return [
        Cell(*values, others)
        for values in itertools.product(
            given.policies, given.accumulate, given.averages, given.lengths
        )
    ]


def main(words: list[str] | None = None) -> int:
    """Train the cells and print their table; returns the exit code.

    words: of the command line, those of this process where none are given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", nargs="+", default=list(POLICIES))
    parser.add_argument("--accumulate", nargs="+", type=int, default=[1, 3])
    parser.add_argument("--averages", nargs="+", type=float, default=[0.0, 0.9])
    parser.add_argument("--lengths", nargs="+", default=list(LENGTHS))
    parser.add_argument("--set", nargs="+", default=[], help="further settings of all cells")
    parser.add_argument("--out", type=Path, help="a JSON file for the cells")
    parser.add_argument("--place", type=Path, help="set for the processes that this one starts")
    given = parser.parse_args(words)
    if given.place is not None:
        # Imported by the processes that train alone: the one that starts them needs no torch.
        from two_ranks import work

        work(cells_of(given), given.place)
        return 0
    with tempfile.TemporaryDirectory() as place:
        rows = run_both(Path(place))
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1))
    return print_table(rows)


def run_both(place: Path) -> list[dict[str, Any]]:
    """Start both processes on the cells; returns what the first one wrote."""
    np.save(place / "pictures.npy", draw_pictures())
    from maskwright.training.launch import free_port

    shared = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MASKWRIGHT_CACHE": str(place / "cache"),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(RANKS),
    }
    words = [sys.executable, __file__, *sys.argv[1:], "--place", str(place)]
    processes = [
        subprocess.Popen(words, env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(RANKS)
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"the processes ended with exit codes {codes}")
    return json.loads((place / "rows.json").read_text())


def draw_pictures() -> np.ndarray:
    """Disks on ramps, 16 pixels a side."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:16, :16] / 16
    pictures = np.empty((PICTURES, 16, 16, 3), np.uint8)
    for picture in pictures:
        center, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.15, 0.35)
        inside = (rows - center[0]) ** 2 + (cols - center[1]) ** 2 < radius**2
        ramp = rng.uniform(0, 200, 3) + 55 * (rows + cols)[..., None] / 2
        picture[:] = np.where(inside[..., None], rng.uniform(0, 255, 3), ramp)
    return pictures


def print_table(rows: list[dict[str, Any]]) -> int:
    """A line a cell; returns 1 where one falls short."""
    fallen = 0
    print(f"{'':48}  ranks  resumed  counts  images  masks as alone  weights off alone by")
    for row in rows:
        good = row["ranks_equal"] and row["resumed_equal"] and row["counts_equal"]
        alone = ""
        if row["same_masks"] is not None:
            good = good and row["same_masks"] > 0.99
            alone = f"{row['same_masks']:13.1%}  {row['off_alone']:20.1e}"
        fallen += not good
        judged = ("ranks", "resumed", "counts")
        words = ["equal" if row[f"{name}_equal"] else "DIFFER" for name in judged]
        shown = f"{words[0]:6} {words[1]:8} {words[2]:7} {row['images']:6}"
        print(f"{row['cell']:48}  {shown}  {alone}")
    print(f"{len(rows)} cells, each straight and stopped; {fallen} fall short")
    return int(fallen > 0)


if __name__ == "__main__":
    sys.exit(main())
