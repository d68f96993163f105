"""The curves of a run as a picture in its folder."""

from __future__ import annotations

from typing import Any

from maskwright.visual.training_curves import training_curves
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.runs.run_folder import RunFolder


def draw_curves(folder: RunFolder) -> Any | None:
    """A Matplotlib figure of what a run has written so far; None before its first row."""
    rows = [row for row in folder.metrics() if "step" in row]
    if not rows:
        return None
    baselines = folder.status().get("baselines", {}) if folder.exists else {}
    named = {name.replace("_", " "): value for name, value in baselines.items()}
    return training_curves(rows, named, str(folder))


def save_curves(folder: RunFolder) -> None:
    """Write curves.png, atomically; nothing before the first row."""
    figure = draw_curves(folder)
    if figure is not None:
        save_picture(folder.path / "curves.png", figure)
