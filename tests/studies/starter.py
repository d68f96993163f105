"""A process that starts a worker as `maskwright study --workers` does; it imports nothing large, so
that it can be killed soon.
"""

from __future__ import annotations

import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

PATIENCE = 120.0


def start_worker(job: Any, folder: Path) -> None:
    """Start a worker and wait to be killed."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["maskwright.studies.workers"])
    context.Process(target=work_when_alone, args=(job, folder)).start()
    time.sleep(PATIENCE)


def work_when_alone(job: Any, folder: Path) -> None:
    """Say that this worker lives, wait until its starter was killed, then look for trials; `ended`
    holds how many were run.
    """
    from maskwright.studies.workers import (
        work,
    )  # torch and Optuna, which the starter has no use for
    from maskwright.support.reporting import LogReporter

    (folder / "lives").touch()
    wait_for(folder / "killed")
    count = work(job, LogReporter(visible=False))
    (folder / "counted").write_text(str(count))
    (folder / "counted").rename(folder / "ended")


def wait_for(path: Path) -> None:
    """Wait for a file; raises TimeoutError after two minutes."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"No {path.name} after {PATIENCE:.0f} s.")
        time.sleep(0.02)
