"""Planning a run that has begun: to resume it, or to join it as another process."""

from __future__ import annotations

from typing import Any

from maskwright.data.sources.open import Source
from maskwright.data.sources.torch_datasets import DatasetSource
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.building.policy_build import build_run_policy
from maskwright.workflows.loading.pictures import find
from maskwright.workflows.runs.resuming import (
    check_has_checkpoint,
    check_unfinished,
    refuse_changes,
)
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.same_pictures import check_same_data, new_run
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import build_settings, flatten, read_recipe
from maskwright.workflows.training.run_plan import RunPlan
from maskwright.workflows.training.start_weights import fit_start, open_start


def plan_resumed(given: dict[str, Any], source: Any, reporter: Reporter) -> RunPlan:
    """Plan an interrupted run from its folder's own settings."""
    if "out" not in given:
        raise MaskwrightError(
            "--resume needs the run to go on with: maskwright pretrain --resume --out RUN."
        )
    folder = RunFolder(given["out"])
    check_unfinished(folder)
    check_has_checkpoint(folder)
    return _plan_from_folder(folder, given, source, reporter, joined=False)


def plan_joined(
    folder: RunFolder, given: dict[str, Any], source: Any, reporter: Reporter
) -> RunPlan:
    """Plan another process of a run that has started."""
    return _plan_from_folder(folder, given, source, reporter, joined=True)


def _plan_from_folder(
    folder: RunFolder, given: dict[str, Any], source: Any, reporter: Reporter, *, joined: bool
) -> RunPlan:
    # The folder's own settings count; what is given may only repeat them.
    settings = PretrainSettings.from_flat(flatten(read_recipe(str(folder.config))))
    settings = _moved(settings, given)
    if settings.train.optimizer is None:  # the run was begun when AdamW was the only one
        settings = settings.with_values(optimizer="adamw")
    _refuse_changes(settings, given)
    opened = _open_again(settings, given, source, folder, reporter)
    return RunPlan(
        settings=settings,
        source=opened,
        policy_build=build_run_policy(settings),
        folder=folder,
        resume=folder.last.exists() and not joined,
        joined=joined,
        # A process that joins a run at its beginning draws the same weights as the others.
        start=fit_start(open_start(settings.train.init), settings) if joined else None,
    )


def _open_again(
    settings: PretrainSettings,
    given: dict[str, Any],
    source: Any,
    folder: RunFolder,
    reporter: Reporter,
) -> Source:
    """Open the data of a run that has begun; it must be the same as then."""
    try:
        opened, _ = find(settings.data, source, reporter)
    except MaskwrightError as error:
        # Whoever names the data needs no advice to name it.
        if given.get("data") is not None:
            raise
        raise MaskwrightError(
            f"{error} If the data lies elsewhere now, name its place: maskwright pretrain DATA"
            f" --resume --out {folder}."
        ) from error
    # What was learned of a picture by its number would go to another one.
    check_same_data(
        opened.fingerprint,
        settings.data.data,
        folder,
        new_run(folder),
        changes=isinstance(opened, DatasetSource) and opened.changes,
    )
    return opened


def _moved(settings: PretrainSettings, given: dict[str, Any]) -> PretrainSettings:
    """The settings with the path where the data, or the file of its labels, lies today.

    Whether it is the same is seen by its content.
    """
    paths = {name: str(given[name]) for name in ("data", "labels") if given.get(name) is not None}
    return settings.with_values(**paths)


def _refuse_changes(settings: PretrainSettings, given: dict[str, Any]) -> None:
    """A resumed run keeps its settings; say which ones differ."""
    # Built, so that `0.50` and `0.5` are the same value.
    asked = build_settings(None, (), **{"data": settings.data.data, **given}).to_flat()
    named = {name: asked[name] for name in given if name != "out"}
    refuse_changes(settings.to_flat(), named, "Use --init for a new run.")
