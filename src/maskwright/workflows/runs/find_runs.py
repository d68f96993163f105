"""All run folders below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# What a run writes about itself holds no runs; `select` and the folds of a fine-tuning do.
_OWN_FOLDERS = frozenset(
    {"checkpoints", "samples", "masks", "exported", "eval", "reconstructions", "diagnose"}
    | {"tensorboard", "mlruns", "wandb"}
)
STATUS = "run.json"


def find_runs(root: Path, refused: list[Path]) -> Iterator[Path]:
    """Every folder at or below `root` that holds a run.json, in the order of names.

    refused: gets the folders that may not be listed.
    """

    def note(error: OSError) -> None:
        refused.append(Path(error.filename))

    for folder, folders, files in os.walk(root, onerror=note):
        is_run = STATUS in files
        # Sorted in place, as os.walk asks: that decides where it goes next.
        inside = [name for name in folders if not (is_run and name in _OWN_FOLDERS)]
        folders[:] = sorted(name for name in inside if not name.startswith("."))
        if is_run:
            yield Path(folder)
