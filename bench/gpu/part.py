"""What the parts of the check share: their arguments, and a report that is written as it grows."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sizes import SIZES, Sizes


@dataclass
class Part:
    """One part in its own process.

    sizes: of everything.
    out: the JSON file that it writes.
    seconds: how long it may take.
    data: labeled pictures that somebody brought, or None.
    """

    sizes: Sizes
    out: Path
    seconds: float
    data: str | None = None
    report: dict[str, Any] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        return self.seconds - (time.monotonic() - self._began)

    def keep(self, name: str, value: Any) -> None:
        """Write a result down at once: what comes later may fail or run out of time."""
        self.report[name] = value
        aside = self.out.with_suffix(".part")
        aside.write_text(json.dumps(self.report, indent=1))
        aside.rename(self.out)
        print(f"{name}: {json.dumps(value)}", flush=True)

    def attempt(self, name: str, work: Any) -> None:
        """Keep what `work` returns, or why it failed; the next result is tried all the same."""
        try:
            value = work()
        except torch.OutOfMemoryError:
            value = {"failed": "out of memory"}
        except Exception as error:
            value = {"failed": f"{type(error).__name__}: {str(error)[:300]}"}
        self.keep(name, value)
        if self.sizes.place.device.type == "cuda":
            torch.cuda.empty_cache()


def open_part() -> Part:
    """The part that the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=list(SIZES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--data")
    given = parser.parse_args()
    return Part(SIZES[given.kind], given.out, given.seconds, given.data)


def run_in_folder(name: str, measure: Callable[[Part, Path], Any]) -> None:
    """Run a part that needs a folder of its own, and keep what it measured under a name."""
    part = open_part()
    with tempfile.TemporaryDirectory() as place:
        os.environ["MASKWRIGHT_CACHE"] = f"{place}/cache"
        part.attempt(name, lambda: measure(part, Path(place)))
    part.keep("complete", True)
