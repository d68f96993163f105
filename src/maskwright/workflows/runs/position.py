"""Where in its order of pictures an interrupted run goes on."""

from __future__ import annotations

import torch

from maskwright.data.loader import ResumableLoader
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.runs.run_folder import RunFolder


def restore_position(folder: RunFolder, loader: ResumableLoader, *, cut_rows: bool = True) -> None:
    """Set pictures and numbers back to where the last checkpoint was written.

    cut_rows: whether this process writes the rows.
    """
    position = read_position(folder)
    # Rows after the checkpoint are of steps that will be taken again.
    if cut_rows:
        folder.cut_metrics(position["step"])
        _drop_unfinished(folder)
    loader.set_epoch(position["epoch"])
    loader.start_at(position["batches"])


def _drop_unfinished(folder: RunFolder) -> None:
    """Delete checkpoints that were half written when the run was killed.

    Each is as large as a whole one, and nobody else writes into the folder now.
    """
    for path in folder.checkpoints.glob(".*.part"):
        path.unlink(missing_ok=True)


def read_position(folder: RunFolder) -> dict[str, int]:
    """Where in the order of pictures the last checkpoint was written."""
    try:
        # Memory-mapped: the weights are not read for three numbers.
        checkpoint = torch.load(folder.last, map_location="cpu", weights_only=True, mmap=True)
        return dict(checkpoint["place"])
    except (OSError, RuntimeError, KeyError, EOFError, ValueError) as error:
        raise MaskwrightError(
            f"{folder.last} is damaged; start again with --overwrite, or from another checkpoint"
            " with --init."
        ) from error
