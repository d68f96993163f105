"""What an interrupted run must fulfil before it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.runs.run_folder import RunFolder


def check_unfinished(folder: RunFolder) -> None:
    """Raise MaskwrightError for a run that is finished."""
    if folder.status()["state"] == "finished":
        raise MaskwrightError(
            f"{folder.describe()}; there is nothing to resume. --overwrite starts it again, --out"
            " NEW another."
        )


def check_has_checkpoint(folder: RunFolder) -> None:
    """Raise MaskwrightError for a run that has nothing to go on from."""
    if not folder.last.exists():
        raise MaskwrightError(
            f"{folder} stopped before its first checkpoint; start it again with --overwrite."
        )


def refuse_changes(kept: Mapping[str, Any], asked: Mapping[str, Any], way: str) -> None:
    """Raise MaskwrightError when settings differ from those that the run keeps.

    kept: the settings of the run.
    asked: those that are named now.
    way: what to do instead, as a sentence.
    """
    changed = [
        f"{name} ({kept.get(name)} there, {value} asked)"
        for name, value in asked.items()
        if value != kept.get(name)
    ]
    if changed:
        raise MaskwrightError(
            f"--resume keeps the settings of the run, but these differ: {', '.join(changed)}. {way}"
        )
