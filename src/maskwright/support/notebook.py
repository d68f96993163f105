"""What long work says in a notebook: plain lines, one line of progress, and the curves in place."""

from __future__ import annotations

import base64
import logging
import sys
import time
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from maskwright.support.reporting import LogReporter, Reporter, log

# Between two changes of the line of progress; a browser need not follow every step.
_SECONDS = 0.5

Bundle = dict[str, str]
Display = Callable[..., Any]
"""`IPython.display.display`: shows a bundle of texts by media type, and returns a handle whose
`update` changes it in place.
"""


class NotebookReporter:
    """Speaks below the cell that is running; every sentence also goes to the log of the run."""

    # See `say_result`: a table would stand there twice.
    shows_results = True

    def __init__(self, display: Display) -> None:
        """display: shows things; that of IPython outside tests."""
        self._display = display
        # Sentences that follow each other share a place. In a place of its own each, with the space
        # that notebooks leave around it, they would push the result off the screen.
        self._lines: list[str] = []
        self._plain: list[str] = []
        self._paragraph: Any = None
        # A bar for each kind of work, such as decoding and training.
        self._bars: dict[str, Any] = {}
        self._unfinished: set[str] = set()
        self._figure: Any = None
        self._shown = float("-inf")

    def say(self, text: str) -> None:
        log.info(text)
        self._add(escape(text), text)

    def warn(self, text: str) -> None:
        log.warning(text)
        note = f"note: {text}"
        self._add(f'<span style="color: #b45309">{escape(note)}</span>', note)

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        now = time.monotonic()
        # The last step is always shown.
        if now - self._shown < _SECONDS and done < total:
            return
        self._shown = now
        if done < total:
            self._unfinished.add(label)
        else:
            self._unfinished.discard(label)
        # The bar, and beside it the line that a terminal would show.
        share = done / max(total, 1e-9)
        text = f"{label} {share:4.0%}  {detail}"
        bar = f'<progress value="{share:.4f}" max="1"></progress>'
        shown = _bundle(f"<div>{bar} {escape(text)}</div>", text)
        handle = self._bars.get(label)
        self._bars[label] = self._place(handle, shown)

    def show_curves(self, png: bytes) -> None:
        """Draw the curves of the training, in the place of the earlier ones."""
        alt = "curves of the training"
        shown = _bundle(picture_html(png, alt), alt)
        self._figure = self._place(self._figure, shown)

    def finish(self) -> None:
        # A bar that says 80% would stay so for good; a study's comes back with its next training.
        nothing = _bundle("", "")
        for label in self._unfinished:
            self._bars[label].update(nothing, raw=True)
        self._unfinished.clear()
        # What comes next is shown at once.
        self._shown = float("-inf")

    def _add(self, html: str, text: str) -> None:
        """Add a sentence to the paragraph that stands last, or begin one."""
        if self._paragraph is None:
            self._lines, self._plain = [], []
        self._lines.append(html)
        self._plain.append(text)
        # Some sentences are rows of a table, so all stand in letters of one width.
        block = _block("\n".join(self._lines), wrap=True)
        shown = _bundle(block, "\n".join(self._plain))
        self._paragraph = self._show(self._paragraph, shown)

    def _place(self, handle: Any, bundle: Bundle) -> Any:
        """Show progress or a picture, or change it; sentences that come later stand below it."""
        if handle is None:
            self._paragraph = None
        return self._show(handle, bundle)

    def _show(self, handle: Any, bundle: Bundle) -> Any:
        """Show something, or change what is shown already; returns its handle."""
        if handle is None:
            return self._display(bundle, raw=True, display_id=True)
        handle.update(bundle, raw=True)
        return handle


class _Notes(logging.Handler):
    """Shows what rooms without a reporter have to say, such as that another process is waited
    for.
    """

    def __init__(self, display: Display) -> None:
        super().__init__(logging.WARNING)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        text = f"note: {record.getMessage()}"
        block = _block(escape(text), wrap=True)
        self._display(_bundle(block, text), raw=True)


def _show_notes(display: Display) -> None:
    """Let the warnings of the data room reach the reader; a second call changes nothing."""
    data = logging.getLogger("maskwright.data")
    for handler in data.handlers:
        if isinstance(handler, _Notes):
            return
    data.addHandler(_Notes(display))


def usual_reporter() -> Reporter:
    """Who listens where a program names nobody: its notebook, or the log."""
    return notebook_reporter() or LogReporter()


def notebook_reporter() -> NotebookReporter | None:
    """A reporter for the notebook that this program runs in; None outside of one."""
    # Never imported here: in a notebook it is there already.
    ipython = sys.modules.get("IPython")
    if ipython is None:
        return None
    # IPython in a terminal has a shell too, but no kernel that shows pictures.
    if not hasattr(ipython.get_ipython(), "kernel"):
        return None
    display = ipython.display.display
    _show_notes(display)
    return NotebookReporter(display)


def lines_html(lines: Iterable[str], wrap: bool = False) -> str:
    """Lines of plain text as a notebook shows them: aligned as in a terminal.

    wrap: break long lines, where most of them are sentences.
    """
    text = "\n".join(lines)
    return _block(escape(text), wrap)


def picture_html(png: bytes, alt: str) -> str:
    """A picture as a notebook shows it.

    alt: a sentence in its place for those who do not see it.
    """
    # Whole and exact, unlike the small pictures of a page. A small picture is not enlarged.
    encoded = base64.b64encode(png).decode()
    source = f"data:image/png;base64,{encoded}"
    style = "max-width: min(100%, 800px)"
    return f'<img style="{style}" alt="{escape(alt)}" src="{source}">'


def drawing_html(svg: str, caption: str) -> str:
    """An <svg> element with words below it, as a notebook shows them."""
    style = "max-width: 520px; margin: 0.5em 0"
    words = f"<figcaption>{escape(caption)}</figcaption>"
    return f'<figure style="{style}">{svg}{words}</figure>'


def _block(html: str, wrap: bool) -> str:
    """Lines in letters of one width.

    wrap: break long lines; those of a table are moved to the side, so that its columns stay.
    """
    long_lines = "white-space: pre-wrap" if wrap else "overflow-x: auto"
    return f'<pre style="line-height: 1.3; {long_lines}">{html}</pre>'


def _bundle(html: str, text: str) -> Bundle:
    """The same for browsers and for plain text."""
    return {"text/html": html, "text/plain": text}
