"""How every chart looks, as settings of Matplotlib: `rc_context(CHART_STYLE)` around drawing it."""

from __future__ import annotations

from typing import Any, Final

from maskwright.visual.palette import FAINT, GRID_LINE, INK, QUIET, TEXT_SIZE, TITLE_SIZE

ANNOTATION_SIZE: Final = 8.5
"""Names written beside levels, smaller than the axis labels."""
DASHED: Final = (0, (5, 3))
"""Line style of reference levels: solid lines are measured."""

CHART_STYLE: Final[dict[Any, Any]] = {
    "figure.dpi": 144,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "text.color": INK,
    # Two faint spines are enough to find the origin.
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    # Lines at the height of the ticks, behind what is measured.
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "grid.alpha": 0.7,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": ANNOTATION_SIZE,
    "legend.labelcolor": INK,
}
"""Charts of measured numbers over a horizontal axis: losses, accuracies, bars."""

TABLE_STYLE: Final[dict[Any, Any]] = CHART_STYLE | {
    # One line per policy: values run from left to right, so the lines of the grid stand upright.
    "figure.dpi": 130,
    "axes.spines.left": False,
    "axes.grid.axis": "x",
    "axes.labelsize": ANNOTATION_SIZE,
    "xtick.labelsize": ANNOTATION_SIZE,
}
"""Charts that stand inside a table, a value with its interval per line."""

MATRIX_STYLE: Final[dict[Any, Any]] = CHART_STYLE | {
    # Up to 40 class names stand at the ticks, so all letters are small and the ticks have no marks.
    "figure.titlesize": TITLE_SIZE + 1,
    "axes.spines.left": False,
    "axes.edgecolor": "black",
    "axes.labelcolor": QUIET,
    "axes.labelsize": TEXT_SIZE + 1,
    "axes.titlecolor": QUIET,
    "axes.titlesize": TEXT_SIZE + 1,
    "axes.titleweight": "normal",
    "axes.grid.axis": "x",
    "grid.color": GRID_LINE,
    "grid.alpha": 1.0,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": TEXT_SIZE,
    "ytick.labelsize": TEXT_SIZE,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}
"""Charts with a named class per row."""

PAGE_TEXT: Final = 9.0
"""Letters of a figure that a page shows at its own size."""
PAGE_STYLE: Final[dict[Any, Any]] = CHART_STYLE | {
    # Charts inside HTML pages are vectors and take the page's colors, so they need no resolution,
    # and their lines are INK and QUIET alone: `to_svg` turns these two into the page's own.
    "figure.dpi": 100,
    "axes.edgecolor": QUIET,
    "axes.labelsize": PAGE_TEXT,
    "axes.grid.axis": "both",
    "grid.color": QUIET,
    "grid.linewidth": 0.4,
    "grid.alpha": 0.25,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": PAGE_TEXT,
    "ytick.labelsize": PAGE_TEXT,
    "legend.fontsize": PAGE_TEXT,
}
"""Charts of studies, inside a page and readable in the width of a phone."""
