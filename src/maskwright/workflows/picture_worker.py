"""Another process of a command over many pictures: it hears what to do, and does its share.

`python -m maskwright.workflows.picture_worker` is what the first process starts for each further
device; under torchrun or srun every process runs the command itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.support.variables import find_launch
from maskwright.training.group import Group, ProcessLost, joined_group
from maskwright.workflows.anomalies import find_anomalies
from maskwright.workflows.dividing.processes import PATIENCE, FirstFailed
from maskwright.workflows.embed import write_embedding
from maskwright.workflows.evaluate import run_probes

COMMANDS: Mapping[str, Callable[[Any, Group, Reporter], Any]] = {
    "anomalies": find_anomalies,
    "embed": write_embedding,
    "evaluate": run_probes,
}


def main() -> int:
    """Help the process that has started this one; its own output says what went wrong there."""
    launch = find_launch()
    if launch is None:
        sys.stderr.write("This is started by maskwright embed --devices N, not by hand.\n")
        return 2
    try:
        with joined_group(launch, patience=PATIENCE) as group:
            work = group.hear_first(None)
            COMMANDS[work.command](work.settings, group, LogReporter(visible=False))
    # The first process says it.
    except (ProcessLost, FirstFailed, KeyboardInterrupt):
        return 1
    except MaskwrightError as error:
        sys.stderr.write(f"maskwright, process {launch.rank}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
