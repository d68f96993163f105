"""Is my pretraining working? The findings about a run, or the checks of this machine."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from maskwright.support.environment import pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import LogReporter, Reporter, say_result
from maskwright.weights.checkpoint import LoadedModel, load_model
from maskwright.workflows.health.checkup import NEIGHBORS, Checkup, examine, write_checkup
from maskwright.workflows.health.evidence import Evidence
from maskwright.workflows.health.machine import MachineCheck, examine_machine
from maskwright.workflows.health.neighbor_sheet import neighbor_sheet
from maskwright.workflows.health.record import RunRecord, read_record
from maskwright.workflows.loading.pictures import Pictures, find, load
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.doctor_settings import DoctorSettings


@takes(DoctorSettings, "run", "data")
def doctor(
    settings: DoctorSettings, reporter: Reporter | None = None
) -> Checkup | list[MachineCheck]:
    """Say whether a pretraining works, without labels: what it learned, what is in the way, and the
    command that mends it. Without a run this machine and the mathematics on it are checked.

    `data` may be an array or a Dataset too. Leaves doctor.json and neighbors.png in `out`. Raises
    MaskwrightError for what is no run of pretraining, and where its pictures are gone.
    """
    if settings.run is None:
        return examine_machine()
    reporter = reporter or usual_reporter()
    # With --json nothing but the JSON may stand on standard output.
    listener = LogReporter(visible=False) if settings.json else reporter
    evidence = gather(settings, listener)
    folder = Path(settings.out) if settings.out else evidence.record.path / "doctor"
    checkup = dataclasses.replace(examine(evidence), path=folder)
    write_checkup(folder, checkup)
    written = f"{folder / 'doctor.json'}"
    if checkup.find("features") is not None and evidence.features is not None:
        save_picture(folder / NEIGHBORS, neighbor_sheet(evidence.images, evidence.features))
        written = f"{written} and {NEIGHBORS}"
    if settings.json:
        reporter.say(json.dumps(checkup.to_dict(), indent=2))
        return checkup
    say_result(reporter, checkup.sentences())
    reporter.say(f"Written to {written}")
    return checkup


def gather(settings: DoctorSettings, reporter: Reporter) -> Evidence:
    """Open the run, its pictures and its model."""
    # From Python a `Run` comes as it is.
    run = Path(getattr(settings.run, "path", settings.run))
    if not RunFolder(run).exists:
        raise MaskwrightError(
            f"'{run}' is no run folder: it has no run.json. Name the folder that `maskwright"
            " pretrain` wrote, for example runs/photos-vit_nano-random."
        )
    record = read_record(run)
    loaded, broken = _open_model(record)
    return Evidence(
        record=record,
        pictures=_open_pictures(record, settings.data, reporter),
        loaded=loaded,
        broken_weights=broken,
        count=settings.limit,
        device=pick_device(settings.device),
    )


def _open_model(record: RunRecord) -> tuple[LoadedModel | None, str]:
    """The model of the last checkpoint, or why there is none."""
    try:
        return load_model(RunFolder(record.path).checkpoint()), ""
    except MaskwrightError as error:
        return None, str(error)


def _open_pictures(record: RunRecord, data: Any, reporter: Reporter) -> Pictures:
    """The pictures of the run, cut and held out as there."""
    settings = record.settings.data
    by_name = data is None or isinstance(data, (str, Path))
    if data is not None and by_name:
        settings = dataclasses.replace(settings, data=str(data))
    if data is None and settings.data == "python":
        raise MaskwrightError(
            f"{record.path} was trained on pictures from Python; give them again:"
            " maskwright.doctor(run, data=pictures)."
        )
    source, _ = find(settings, None if by_name else data, reporter)
    return load(settings, source, record.settings.train.seed, reporter)
