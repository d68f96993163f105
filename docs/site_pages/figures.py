"""Which function draws the pictures of which page of the gallery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from site_pages.draw_measurements import draw_diagnostic, draw_probe
from site_pages.draw_pixels import draw_loss, draw_policy, draw_target
from site_pages.materials import Materials

Draw = Callable[[Materials, str, Path], None]

DRAWN: dict[str, Draw] = {
    "policies": draw_policy,
    "losses": draw_loss,
    "targets": draw_target,
    "probes": draw_probe,
    "diagnostics": draw_diagnostic,
}
