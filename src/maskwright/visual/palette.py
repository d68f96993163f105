"""Colors and type of every figure, chosen to stay apart for color-blind readers and in print."""

from __future__ import annotations

from typing import Final

# INK is for what is read first, QUIET for what explains it.
INK: Final = "#1f2933"
QUIET: Final = "#6b7785"
PAPER: Final = "#ffffff"
MASKED_GRAY: Final = (0.80, 0.82, 0.84)
GRID_LINE: Final = (0.90, 0.91, 0.92)
FAINT: Final = "#d0d7de"
"""Spines and lines behind a chart."""
SHARE_COLORS: Final = "RdBu_r"
"""Color map of shares: blue is masked less often than the ratio, white as often, red more often."""
SERIES: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Line colors in order (Okabe and Ito 2008)."""
MARKERS: Final = "osD^vPX"
"""Shapes in the order of the colors, so that neither alone tells series apart."""
# Points.
TITLE_SIZE: Final = 9.5
TEXT_SIZE: Final = 8.0
