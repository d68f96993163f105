"""A figure as SVG text to stand inside a page: it takes the page's font and ink, so it reads in
light, in dark and in print.
"""

from __future__ import annotations

import io
import re
from html import escape

from matplotlib import rc_context
from matplotlib.figure import Figure

from maskwright.visual.palette import INK, QUIET

_FONT = re.compile(r"font-family: [^;\"]+")
_GROUP_NAME = re.compile(r'<g id="[a-z]+[0-9A-Za-z_.]*">')
_SIZE = re.compile(r'(<svg [^>]*?)width="[\d.]+pt" height="[\d.]+pt"')


def to_svg(figure: Figure, label: str) -> str:
    """Draw a figure as one <svg> element without fonts, names or a fixed size; label: what it
    shows, for those who hear the page.

    Texts stay texts. What is drawn in the palette's INK follows the page's text color, QUIET its
    variable --quiet.
    """
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "maskwright"}):
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    drawn = buffer.getvalue()
    svg = drawn[drawn.index("<svg") :].strip()
    svg = _GROUP_NAME.sub("<g>", _FONT.sub("font-family: sans-serif", svg))
    svg = svg.replace(INK, "currentColor").replace(QUIET, "var(--quiet, #6b7785)")
    return _SIZE.sub(rf'\1role="img" aria-label="{escape(label, quote=True)}"', svg, count=1)
