"""A notebook shows sentences, one line of progress and the curves, which change in place."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from maskwright.support.notebook import (
    NotebookReporter,
    drawing_html,
    lines_html,
    notebook_reporter,
    picture_html,
    usual_reporter,
)
from maskwright.support.reporting import LogReporter, say_result


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


def test_each_kind_of_work_has_one_line_that_changes() -> None:
    notebook = Notebook()
    reporter = NotebookReporter(notebook.display)
    reporter.progress("decode", 1, 2, "1 of 2")
    reporter.progress("decode", 2, 2, "2 of 2")
    reporter.finish()
    reporter.progress("pretrain", 1, 10, "loss <1>")
    reporter.finish()
    # A study trains again and again, and its line stays where it is.
    reporter.progress("pretrain", 10, 10, "loss 0")
    assert [place["text/plain"] for place in notebook.places] == [
        "decode 100%  2 of 2",
        "pretrain 100%  loss 0",
    ]
    assert "\r" not in notebook.places[1]["text/html"]


def test_a_bar_that_does_not_reach_its_end_goes_when_the_work_ends() -> None:
    notebook = Notebook()
    reporter = NotebookReporter(notebook.display)
    reporter.progress("decode", 2, 2, "2 of 2")
    reporter.finish()
    reporter.progress("measure", 4, 5, "raw pixels")
    reporter.finish()
    assert [place["text/plain"] for place in notebook.places] == ["decode 100%  2 of 2", ""]
    reporter.progress("measure", 1, 5, "random weights")
    assert notebook.places[1]["text/plain"] == "measure  20%  random weights"


def test_what_is_said_is_text_and_never_markup() -> None:
    notebook = Notebook()
    reporter = NotebookReporter(notebook.display)
    reporter.progress("pretrain", 1, 10, "loss <1>")
    reporter.say("<script>")
    reporter.warn("<img>")
    html = "".join(place["text/html"] for place in notebook.places)
    assert "loss &lt;1&gt;" in html
    assert "&lt;script&gt;" in html
    assert "note: &lt;img&gt;" in html
    assert lines_html(["<b>", "a & b"]).count("<") == 2
    assert 'alt="&quot;&gt;&lt;b&gt;"' in picture_html(b"", '"><b>')
    assert "&lt;b&gt;" in drawing_html("<svg></svg>", "<b>")


def test_sentences_share_a_place_until_something_else_is_shown() -> None:
    notebook = Notebook()
    reporter = NotebookReporter(notebook.display)
    reporter.say("first")
    reporter.warn("second")
    reporter.progress("decode", 1, 2, "1 of 2")
    reporter.say("third")
    assert [place["text/plain"] for place in notebook.places] == [
        "first\nnote: second",
        "decode  50%  1 of 2",
        "third",
    ]


def test_a_result_is_said_to_a_log_and_left_to_a_notebook() -> None:
    notebook = Notebook()
    say_result(NotebookReporter(notebook.display), ["a table"])
    assert not notebook.places
    said: list[str] = []
    reporter = LogReporter(visible=False)
    reporter.say = said.append  # type: ignore[method-assign]
    say_result(reporter, ["a table"])
    assert said == ["a table"]


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
    data = logging.getLogger("maskwright.data")
    monkeypatch.setattr(data, "handlers", [])
    shell = SimpleNamespace()
    notebook = Notebook()
    ipython = SimpleNamespace(
        get_ipython=lambda: shell, display=SimpleNamespace(display=notebook.display)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type]
    assert notebook_reporter() is None
    shell.kernel = object()
    assert isinstance(notebook_reporter(), NotebookReporter)
    assert isinstance(usual_reporter(), NotebookReporter)
    # What the data room says while nobody listens to it is shown, and once.
    data.warning("<waiting> for %s", "another process")
    assert [place["text/plain"] for place in notebook.places] == [
        "note: <waiting> for another process"
    ]
    assert "&lt;waiting&gt;" in notebook.places[0]["text/html"]
