"""What long work says in a notebook: plain lines, one line of progress, and the curves in place."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from maskwright.support.reporting import log

# Between two changes of the line of progress; a browser need not follow every step.
_SECONDS = 0.5

Bundle = dict[str, str]
Display = Callable[..., Any]
"""`IPython.display.display`: shows a bundle of texts by media type, and returns a handle whose
`update` changes it in place.
"""


class NotebookReporter:
    """Speaks below the cell that is running; every sentence also goes to the log of the run."""

    def __init__(self, display: Display) -> None:
        """display: shows things; that of IPython outside tests."""
        self._display = display
        self._line: Any = None
        self._figure: Any = None
        self._shown = float("-inf")

    def say(self, text: str) -> None:
        log.info(text)
        self._show(f"<div>{escape(text)}</div>", text)

    def warn(self, text: str) -> None:
        log.warning(text)
        self._show(f'<div style="color: #b45309">note: {escape(text)}</div>', f"note: {text}")

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        now = time.monotonic()
        # The last step is always shown.
        if now - self._shown < _SECONDS and done < total:
            return
        self._shown = now
        share = done / max(total, 1e-9)
        text = f"{label} {share:4.0%}  {detail}"
        bar = f'<progress value="{share:.4f}" max="1"></progress>'
        self._line = self._place(self._line, _bundle(f"<div>{bar} {escape(text)}</div>", text))

    def show_curves(self, png: bytes) -> None:
        """Draw the curves of the training, in the place of the earlier ones."""
        html = picture_html(png, "curves of the training")
        self._figure = self._place(self._figure, _bundle(html, "curves of the training"))

    def finish(self) -> None:
        # What comes next gets a line of its own; the curves stay where they are.
        self._line = None
        self._shown = float("-inf")

    def _show(self, html: str, text: str) -> None:
        self._display(_bundle(html, text), raw=True)

    def _place(self, handle: Any, bundle: Bundle) -> Any:
        """Show something, or change what is shown already; returns its handle."""
        if handle is None:
            return self._display(bundle, raw=True, display_id=True)
        handle.update(bundle, raw=True)
        return handle


def notebook_reporter() -> NotebookReporter | None:
    """A reporter for the notebook that this program runs in; None outside of one."""
    # Never imported here: in a notebook it is there already.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # IPython in a terminal has a shell too, but no kernel that shows pictures.
    if ipython is None or not hasattr(shell, "kernel"):
        return None
    return NotebookReporter(ipython.display.display)


def lines_html(lines: Iterable[str]) -> str:
    """Lines of plain text as a notebook shows them: aligned as in a terminal."""
    return f'<pre style="line-height: 1.3">{escape(chr(10).join(lines))}</pre>'


def picture_html(png: bytes, alt: str) -> str:
    """A picture as a notebook shows it.

    alt: a sentence in its place for those who do not see it.
    """
    # Whole and exact, unlike the small pictures of a page.
    encoded = base64.b64encode(png).decode()
    return f'<img width="800" alt="{escape(alt)}" src="data:image/png;base64,{encoded}">'


def _bundle(html: str, text: str) -> Bundle:
    """The same for browsers and for plain text."""
    return {"text/html": html, "text/plain": text}
