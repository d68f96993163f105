"""Another process of a command over many pictures: it hears what to do, and does its share.

`python -m maskwright.workflows.picture_worker` is what the first process starts for each further
device; under torchrun or srun every process runs the command itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from maskwright.support.reporting import LogReporter, Reporter
from maskwright.training.group import Group
from maskwright.training.launch import live_as_helper
from maskwright.workflows.anomalies import find_anomalies
from maskwright.workflows.dividing.processes import PATIENCE, FirstFailed
from maskwright.workflows.embed import write_embedding
from maskwright.workflows.evaluate import run_probes

COMMANDS: Mapping[str, Callable[[Any, Group, Reporter], Any]] = {
    "anomalies": find_anomalies,
    "embed": write_embedding,
    "evaluate": run_probes,
}


def help_first(group: Group) -> None:
    """Hear what the first process wants done, and do a share of it."""
    work = group.hear_first(None)
    # A mistake that the first process has found is reported by it.
    with suppress(FirstFailed):
        COMMANDS[work.command](work.settings, group, LogReporter(visible=False))


def main() -> int:
    """Help the process that has started this one."""
    return live_as_helper(help_first, "embed", PATIENCE)


if __name__ == "__main__":
    sys.exit(main())
