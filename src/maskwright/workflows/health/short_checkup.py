"""The doctor's findings in a few lines, at the end of a training."""

from __future__ import annotations

import dataclasses

from maskwright.models.cost import count_step
from maskwright.support.environment import cpu_count, pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.weights.checkpoint import LoadedModel, load_model
from maskwright.workflows.health.checkup import Checkup, examine
from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.finding import Finding
from maskwright.workflows.health.record import RunRecord, read_record
from maskwright.workflows.health.rules import FROM_MODEL
from maskwright.workflows.loading.pictures import Pictures
from maskwright.workflows.runs.run_folder import RunFolder

# Pictures that the model is asked about: each goes through whole and as two crops, for two
# encoders, and masked once.
COUNT = 128
PASSES = 7
# On a CPU the model is asked where that takes about this long at the speed of an ordinary core, or
# this share of what the training took. By operations and not by the clock, so that the same
# training always ends with the same lines.
MOST_SECONDS = 4.0
MOST_SHARE = 0.01
CORE_RATE = 20e9
# Beside the verdict and the way to the whole.
MOST_FINDINGS = 4


def report_checkup(folder: RunFolder, pictures: Pictures, reporter: Reporter) -> None:
    """Say in a few lines whether the training of a finished run works; put the verdict on record.

    What is wrong with the findings themselves never spoils the run: it is said, and that is all.
    """
    try:
        record = read_record(folder.path)
        checkup, left_out = _examine(record, pictures)
    except MaskwrightError as error:
        reporter.warn(f"Could not say whether it works: {error}")
        return
    folder.update_status(verdict=None if left_out else checkup.verdict)
    for line in _lines(checkup, left_out):
        reporter.say(line)


def _examine(record: RunRecord, pictures: Pictures) -> tuple[Checkup, bool]:
    """The findings, and whether those of the model were left out for their cost."""
    device = pick_device(record.settings.run.device)
    loaded = load_model(RunFolder(record.path).last)
    trained = float(record.status.get("training_flops", 0))
    left_out = device.type == "cpu" and takes_long(_operations(loaded), trained)
    evidence = Evidence(
        record=record,
        pictures=pictures,
        loaded=None if left_out else loaded,
        broken_weights="",
        count=COUNT,
        device=device,
    )
    return examine(evidence, FROM_MODEL if left_out else ()), left_out


def takes_long(operations: float, trained: float) -> bool:
    """Whether the model's part is too much to ask at the end of a training on a CPU.

    operations: of the model's part.
    trained: operations of the training.
    """
    few = MOST_SECONDS * CORE_RATE * cpu_count()
    return operations > max(few, MOST_SHARE * trained)


def _operations(loaded: LoadedModel) -> float:
    """What the model's part takes."""
    config = loaded.model.config
    # A step forward costs a third of a step of training.
    forward = count_step(config, loaded.model.grid.num_patches, 1).training / 3
    return COUNT * PASSES * forward


def _lines(checkup: Checkup, left_out: bool) -> list[str]:
    """The verdict, the findings that matter most, and where the rest is."""
    verdict = "Is it working? " + checkup.verdict.capitalize()
    if left_out and checkup.verdict != "not working":
        # Without the model nothing can be said of what it learned.
        verdict = "Is it working? Not measured here, where it would take long"
    lines = [f"{verdict}."]
    lines += [_in_a_line(finding) for finding in checkup.findings[:MOST_FINDINGS]]
    lines.append(f"All of it, with what to change: maskwright doctor {checkup.run}")
    return lines


def _in_a_line(finding: Finding) -> str:
    return dataclasses.replace(finding, advice="", command="").sentences()[0]
