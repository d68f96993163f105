"""Another process of a training: it hears which run to help with, and trains along.

`python -m maskwright.workflows.training.worker` is what the first process starts for each further
device; under torchrun or srun every process comes here but the first.
"""

from __future__ import annotations

import sys
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter
from maskwright.training.group import Group
from maskwright.training.launch import live_as_helper
from maskwright.workflows.loading.pictures import load
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.training.fit import fit
from maskwright.workflows.training.resume_plan import plan_joined


def help_run(group: Group, given: dict[str, Any], source: Any) -> RunFolder:
    """Train along with the first process until it is over; returns the folder of the run.

    given, source: what this process was called with, as in `pretrain`; both may be empty.

    Raises MaskwrightError when this process cannot take part; all others hear why.
    """
    # The first process speaks when the run is planned, decoded and on record.
    word = group.hear_first(None)
    reporter = LogReporter(visible=False)
    folder = RunFolder(word["folder"])
    try:
        plan = plan_joined(folder, given, source, group, reporter, resume=word["resume"])
        pictures = load(plan.settings.data, plan.source, plan.settings.train.seed, reporter)
    except MaskwrightError as error:
        group.hear_all(str(error))
        raise
    fit(plan, pictures, reporter)
    return folder


def main() -> int:
    """Help the process that has started this one."""
    return live_as_helper(lambda group: help_run(group, {}, None), "pretrain")


if __name__ == "__main__":
    sys.exit(main())
