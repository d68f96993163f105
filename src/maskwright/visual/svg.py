"""A figure as SVG text to stand inside a page, in the page's font and ink."""

from __future__ import annotations

import io
import re
from html import escape

from matplotlib import rc_context
from matplotlib.figure import Figure

from maskwright.visual.palette import INK, QUIET

_FONT = re.compile(r"font-family: [^;\"]+")
# Names like `axes_1`, which would occur twice in a page of two figures.
_GROUP_NAME = re.compile(r'<g id="[a-z]+[0-9A-Za-z_.]*">')
# The viewBox stays, so the figure takes the width that the page gives it.
_SIZE = re.compile(r'(<svg [^>]*?)width="[\d.]+pt" height="[\d.]+pt"')


def to_svg(figure: Figure, label: str) -> str:
    """Draw a figure as one <svg> element without fonts, names or a fixed size.

    Texts stay texts. What is drawn in the palette's INK follows the page's text color, so it reads
    in light, in dark and in print; QUIET follows the page's variable --quiet.

    label: what the figure shows, for those who hear the page.
    """
    buffer = io.StringIO()
    # A fixed salt and no date: the same figure gives the same text.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "maskwright"}):
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    drawn = buffer.getvalue()
    # A page has no use for the XML declaration before the element.
    svg = drawn[drawn.index("<svg") :].strip()
    svg = _FONT.sub("font-family: sans-serif", svg)
    svg = _GROUP_NAME.sub("<g>", svg)
    svg = svg.replace(INK, "currentColor").replace(QUIET, "var(--quiet, #6b7785)")
    return _SIZE.sub(rf'\1role="img" aria-label="{escape(label, quote=True)}"', svg, count=1)
