"""A notebook shows sentences, one line of progress and the curves, which change in place."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from maskwright.support.notebook import NotebookReporter, notebook_reporter


class Notebook:
    """What stands below a cell: bundles in the order of their places."""

    def __init__(self) -> None:
        self.places: list[dict[str, str]] = []

    def display(self, bundle: dict[str, str], raw: bool, display_id: bool = False) -> Any:
        self.places.append(dict(bundle))
        at = len(self.places) - 1

        def update(changed: dict[str, str], raw: bool) -> None:
            self.places[at] = dict(changed)

        return SimpleNamespace(update=update)


def test_progress_changes_one_line_and_a_new_piece_of_work_gets_another() -> None:
    notebook = Notebook()
    reporter = NotebookReporter(notebook.display)
    reporter.progress("decode", 1, 2, "1 of 2")
    reporter.progress("decode", 2, 2, "2 of 2")
    reporter.finish()
    reporter.progress("pretrain", 1, 10, "loss <1>")
    assert [place["text/plain"] for place in notebook.places] == [
        "decode 100%  2 of 2",
        "pretrain  10%  loss <1>",
    ]
    assert "loss &lt;1&gt;" in notebook.places[1]["text/html"]


def test_curves_are_drawn_over_the_earlier_ones() -> None:
    notebook = Notebook()
    reporter = NotebookReporter(notebook.display)
    reporter.show_curves(b"one")
    reporter.say("a sentence")
    reporter.show_curves(b"two")
    assert len(notebook.places) == 2
    assert "data:image/png;base64,dHdv" in notebook.places[0]["text/html"]


def test_only_a_kernel_is_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    assert notebook_reporter() is None
    shell = SimpleNamespace()
    ipython = SimpleNamespace(
        get_ipython=lambda: shell, display=SimpleNamespace(display=Notebook().display)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type]
    assert notebook_reporter() is None
    shell.kernel = object()
    assert isinstance(notebook_reporter(), NotebookReporter)
