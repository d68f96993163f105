"""Looking at data first: what is there, what each size loses and costs, and what to do."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.data.sources.open import Source
from maskwright.support.environment import cpu_count, pick_device
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import make_folder, write_json
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.workflows.loading.held_out import count_trained
from maskwright.workflows.loading.pictures import find
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.choice import Facts
from maskwright.workflows.settings.data_settings import DataSettings
from maskwright.workflows.settings.survey_settings import ALL, SurveySettings
from maskwright.workflows.surveying.advice import advise
from maskwright.workflows.surveying.duplicates import find_duplicates
from maskwright.workflows.surveying.objects import measure_objects
from maskwright.workflows.surveying.report import SurveyFindings, format_survey, to_plain
from maskwright.workflows.surveying.resolution import cost_of_size, measure_detail, pick_sides
from maskwright.workflows.surveying.sample import Sample, decode_sample
from maskwright.workflows.surveying.sheets import save_duplicates, save_sample, save_sizes


@dataclass(frozen=True)
class DataSurvey:
    """What came out.

    path: the folder with survey.json, pictures.png, sizes.png and, where there are any,
        duplicates.png.
    numbers: as in survey.json.
    command: the advised training.
    """

    path: Path
    numbers: dict[str, Any]
    command: str


@takes(SurveySettings, "data")
def survey(settings: SurveySettings, reporter: Reporter | None = None) -> DataSurvey:
    """Say what pictures there are, and at which size to train on them.

    All pictures are listed and a sample is decoded. Nothing is trained. Raises MaskwrightError for
    what a user can mend.
    """
    reporter = reporter or usual_reporter()
    folder = Path(settings.out)
    if folder.is_file():
        raise MaskwrightError(f"'{folder}' is a file; name a folder with --out.")
    device = pick_device(settings.device)
    by_name = isinstance(settings.data, (str, Path))
    name = str(settings.data) if by_name else "python"
    data = _data_settings(settings, name)
    source, seen = find(data, None if by_name else settings.data, reporter)

    most = None if settings.sample == ALL else int(settings.sample)
    sample = decode_sample(source, most, reporter)
    # As a training would see them, so that it would choose the same.
    short_side = min(seen.median)
    channels = 1 if seen.gray else seen.channels
    trained = count_trained(data, len(source))
    facts = Facts(trained, short_side, channels, device.type, cpu_count())
    found = _measure(settings, source, sample, facts, name, reporter)
    make_folder(folder)
    _save(found, folder)
    for line in format_survey(found):
        reporter.say(line)
    reporter.say(f"Look at {folder}: pictures.png, sizes.png, duplicates.png, survey.json")
    return DataSurvey(folder, to_plain(found), found.advice.command)


def _data_settings(settings: SurveySettings, name: str) -> DataSettings:
    return DataSettings(
        data=name,
        split=settings.split,
        labels=settings.labels,
        value_range=settings.value_range,
        pages=settings.pages or "first",
    )


def _measure(
    settings: SurveySettings,
    source: Source,
    sample: Sample,
    facts: Facts,
    name: str,
    reporter: Reporter,
) -> SurveyFindings:
    sides = pick_sides(facts.short_side, settings.sizes)
    # A table that fits no picture is refused before the longer work.
    things = measure_objects(source, sample.pictures, settings.boxes, settings.faces, reporter)
    duplicates = find_duplicates(source, sample, reporter)
    detail = measure_detail(source, sample.pictures, sides)
    costs = [cost_of_size(side, name, facts) for side in sides]
    split = _pick_split(settings, source)
    advice = advise(costs, detail, things, facts.short_side, _flags(settings, split))
    if split is not None and settings.split is None:
        why = f"--split {split} leaves the other pictures for measuring, unseen by the training."
        advice = dataclasses.replace(advice, reasons=(*advice.reasons, why))
    return SurveyFindings(
        source=source,
        sample=sample,
        duplicates=duplicates,
        detail=detail,
        costs=costs,
        things=things,
        advice=advice,
    )


def _pick_split(settings: SurveySettings, source: Source) -> str | None:
    """The split to train on: the one that was named, or the data's own for training."""
    trained = (split for split in source.splits if split.startswith("train"))
    return settings.split or next(trained, None)


def _flags(settings: SurveySettings, split: str | None) -> list[str]:
    """What the advised command says beside the sizes."""
    flags = [] if split is None else ["--split", split]
    for flag in ("labels", "value_range", "pages"):
        value = getattr(settings, flag)
        if value is not None:
            flags += [f"--{flag.replace('_', '-')}", str(value)]
    return flags


def _save(found: SurveyFindings, folder: Path) -> None:
    source, sample = found.source, found.sample
    save_sample(source, sample, folder / "pictures.png")
    save_sizes(source, sample, found.costs, found.detail, folder / "sizes.png")
    if found.duplicates.exact or found.duplicates.near:
        save_duplicates(source, found.duplicates, folder / "duplicates.png")
    write_json(folder / "survey.json", to_plain(found))
