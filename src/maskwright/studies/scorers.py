"""Studies of scorers: arms that train `maskwright select` on one frozen run per seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskwright.studies.metrics import SELECT_METRICS
from maskwright.studies.record import Arm
from maskwright.support.files import hash_strings
from maskwright.support.reporting import Reporter
from maskwright.workflows.run import Run
from maskwright.workflows.select import select
from maskwright.workflows.settings.select_settings import read_select_recipe

PRETRAINED = "pretrained"
"""The folder of the frozen runs, beside that of the trials."""


def pretrained_folder(folder: Path, arm: Arm, length: Mapping[str, Any], seed: int) -> Path:
    """Where the frozen run of a trial lives: arms that pretrain alike share it.

    folder: the study's folder.
    length: the settings that the budget decides.
    """
    settings = sorted({**arm.settings, **length}.items())
    digest = hash_strings([f"{name}={value}" for name, value in settings])[:8]
    return folder / PRETRAINED / f"{digest}-seed{seed}"


def scorer_settings(shared: Mapping[str, Any], arm: Arm) -> dict[str, Any]:
    """The settings of an arm's scorer: a recipe, what the plan says of all, what the arm says."""
    said = {**shared, **arm.select}
    recipe = said.pop("recipe", None)
    settings = {**(read_select_recipe(str(recipe)) if recipe else {}), **said}
    # What is null stays open, so that an arm can take something of the recipe back.
    return {name: value for name, value in settings.items() if value is not None}


def train_scorer(
    run: Run, name: str, settings: Mapping[str, Any], reporter: Reporter
) -> dict[str, float]:
    """Train a scorer on a frozen run, or take the one that is there; its numbers by metric."""
    folder = run.path / "select" / name
    # A training that was broken off is begun again: scorers take minutes.
    selection = select(
        run.path, name=name, overwrite=folder.exists(), reporter=reporter, **settings
    )
    read = {metric.name: metric.read(selection.report) for metric in SELECT_METRICS}
    return {name: value for name, value in read.items() if value is not None}
