"""The curves of a run as a picture in its folder."""

from __future__ import annotations

from maskwright.support.files import write_bytes
from maskwright.visual.png import to_png_bytes
from maskwright.visual.training_curves import training_curves
from maskwright.workflows.runs.run_folder import RunFolder


def draw_curves(folder: RunFolder) -> bytes | None:
    """A PNG of what a run has written so far; None before its first row."""
    rows = [row for row in folder.metrics() if "step" in row]
    if not rows:
        return None
    baselines = folder.status().get("baselines", {}) if folder.exists else {}
    named = {name.replace("_", " "): value for name, value in baselines.items()}
    return to_png_bytes(training_curves(rows, named, str(folder)))


def save_curves(folder: RunFolder) -> bytes | None:
    """Write curves.png, atomically, and return it; nothing before the first row."""
    png = draw_curves(folder)
    if png is not None:
        write_bytes(folder.path / "curves.png", png)
    return png
