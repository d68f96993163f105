"""Whether the processes that a run asks for can train together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import Launch
from maskwright.training.group import Group
from maskwright.workflows.settings.pretrain_options import PretrainOptions
from maskwright.workflows.settings.pretrain_settings import PretrainSettings, RunSettings
from maskwright.workflows.settings.recipes import asked_for


def check_can_start(settings: PretrainSettings) -> None:
    """Raise MaskwrightError for processes that this one cannot start by itself."""
    run = settings.run
    if run.nodes > 1:
        raise MaskwrightError(
            "Several machines need a launcher that starts maskwright on each of them, such as srun"
            " or torchrun; see the guide on runs."
        )
    if run.devices > 1 and settings.data.data == "python":
        raise MaskwrightError(
            "Other processes cannot see an array or a Dataset of this one. Give the pictures by a"
            f" path, or start the program with torchrun --nproc-per-node {run.devices}."
        )


def launch_count(
    launch: Launch, options: PretrainOptions, given: Mapping[str, Any]
) -> dict[str, int]:
    """The devices and machines of a run that begins and names none: what a launcher has started."""
    asked = {**asked_for(options.recipe, options.assignments), **given}
    if options.resume or not asked.keys().isdisjoint(("devices", "nodes")):
        return {}
    if launch.world_size % launch.nodes:
        # Machines with different numbers of processes count as one.
        return {"devices": launch.world_size}
    return {"devices": launch.world_size // launch.nodes, "nodes": launch.nodes}


def check_count(settings: RunSettings, group: Group) -> None:
    """Raise MaskwrightError where a launcher has started other processes than were asked for."""
    asked = settings.devices * settings.nodes
    if asked != group.world_size:
        raise MaskwrightError(
            f"The launcher has started {group.world_size} processes, and --devices"
            f" {settings.devices} --nodes {settings.nodes} asks for {asked};"
            " leave both out, or make them agree."
        )
