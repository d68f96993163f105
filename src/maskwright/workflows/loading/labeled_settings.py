"""Which labeled pictures are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from maskwright.data.sources.reading import Reading
from maskwright.evaluation.few_shot import read_shots
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.loading.pictures import reading_for
from maskwright.workflows.loading.seen import test_apart
from maskwright.workflows.settings.shared_settings import LabeledOptions


@dataclass(frozen=True, kw_only=True)
class LabeledSettings:
    """Which labeled pictures are asked for, in the words of the command line.

    data: a path or name.
    labels: a file of labels, where the data has none of its own.
    train_split, test_split: names of splits; found by themselves when None.
    shots: `10%` of each class, or `5` pictures of each, to learn from.
    limit: most pictures of each split, or of the whole before a part of it is held out.
    seed: draws what is held out, the few and the limit.
    value_range, pages: as in `Reading`.
    test_of: a run whose set-apart pictures are the test part.
    """

    data: str
    labels: str | None = None
    train_split: str | None = None
    test_split: str | None = None
    shots: str | None = None
    limit: int | None = None
    seed: int = 0
    value_range: str | None = None
    pages: Literal["first", "all"] = "first"
    test_of: str | None = None

    def __post_init__(self) -> None:
        # Refused here, before anything is opened or decoded.
        if self.shots is not None:
            read_shots(self.shots)

    @property
    def reading(self) -> Reading:
        """How the files are read."""
        return Reading(value_range=self.value_range, pages=self.pages)


def labeled_settings(
    options: LabeledOptions,
    data: str | None,
    run: str | Path,
    trained: Mapping[str, Any],
    flag: str = "--data LABELED",
) -> LabeledSettings:
    """Which labeled pictures are meant: `data`, or what a run was trained on.

    options: what the user said of the pictures.
    run: a run whose set-apart pictures are the test part, where it has some of this data.
    trained: its settings; files are read under its range, unless another is stated.
    flag: how the user names other data.
    """
    source = data or trained.get("data")
    if source is None:
        raise MaskwrightError(f"This checkpoint does not say what it was trained on; give {flag}.")
    labels, pages = options.labels, options.pages
    # Labels and pages of the checkpoint belong to its own data alone.
    if data is None:
        labels = labels or trained.get("labels")
        pages = pages or trained.get("pages")
    # Under the range of the training, so that the model's inputs mean the same.
    reading = reading_for(trained, options.value_range, pages)
    return LabeledSettings(
        data=str(source),
        labels=labels,
        train_split=options.train_split,
        test_split=options.test_split,
        limit=options.limit,
        seed=options.seed,
        value_range=reading.value_range,
        pages=reading.pages,
        test_of=test_apart(run, trained, data),
    )
