"""The second process of test_two_processes.py: does one piece of work after another, and dies in
the middle of the last.
"""

from __future__ import annotations

import os
from typing import Any

import maskwright.workflows.dividing.parts as parts
import maskwright.workflows.embed as embedding
from maskwright.support.reporting import LogReporter
from maskwright.support.variables import find_launch
from maskwright.training.group import joined_group
from maskwright.workflows.picture_worker import COMMANDS


def dying(*given: Any) -> None:
    """Write a part as it should be, and be gone before the next."""
    write_part(*given)
    embedding.write_part = leave


def leave(*given: Any) -> None:
    os._exit(9)


launch = find_launch()
assert launch is not None
write_part = embedding.write_part
parts.MOST_BATCHES = 1
with joined_group(launch) as group:
    while True:
        work = group.hear_first(None)
        if work.settings.out.endswith("killed.parquet"):
            embedding.write_part = dying
        COMMANDS[work.command](work.settings, group, LogReporter(visible=False))
