"""How the site is built: Sphinx reads the same Markdown that a code host shows."""

from __future__ import annotations

import inspect
import logging
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "src")]
# The pages run commands: without this they would fill the cache of whoever builds.
os.environ.setdefault("MASKWRIGHT_CACHE", str(ROOT / "build" / "docs-cache"))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from site_pages.files import cache_for, stamp_of, write_changed
from site_pages.gallery import write_gallery
from site_pages.links import copy_reports, rewrite_links, write_source_pages
from site_pages.mistakes import write_mistakes
from site_pages.notebooks import place_notebooks
from site_pages.reference import write_reference
from site_pages.restructured import to_rst

from docutils import nodes

import maskwright

project = "maskwright"
author = copyright = "The maskwright authors"
release = version = maskwright.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["studies/*/report.md", "site_pages", "_build"]
root_doc = "index"
html_theme = "furo"
html_title = f"maskwright {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
pygments_dark_style = "github-dark"
html_copy_source = False
html_show_sourcelink = False
# Flags begin with two hyphens, which would become a dash.
smartquotes = False
# Everything comes from this machine: the site works without a network.
html_theme_options = {"source_repository": ""}

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings: list[str] = []
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# `make docs` runs the tour; `make site` also runs the notebooks at their full length.
nb_execution_mode = "cache"
# Kept while the package stays as it is.
nb_execution_cache_path = str(cache_for(ROOT / "build" / "docs-notebooks", stamp_of(["."])))
nb_execution_timeout = 600
nb_execution_raise_on_error = True
run_notebooks = os.environ.get("MASKWRIGHT_SITE") == "full"
nb_execution_excludepatterns = [] if run_notebooks else ["generated/notebooks/*"]
nb_merge_streams = True
# What is printed on the way is there for terminals; results show themselves.
nb_output_stderr = "remove"

autodoc_typehints = "both"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
# Functions of more parameters show them as a list alone.
LONGEST_SIGNATURE = 8


def write_pages(app: Any) -> None:
    """Write everything that is generated, before Sphinx looks for pages."""
    # What workflows log on their way is of no use here.
    logging.getLogger("maskwright").propagate = False
    out = HERE / "generated"
    pictures = out / "gallery" / "pictures"
    write_gallery(out / "gallery", pictures)
    write_reference(out / "reference")
    write_mistakes(out / "mistakes.md")
    place_notebooks(ROOT / "notebooks", out / "notebooks", run_notebooks)
    _include(out / "changelog.md", "CHANGELOG.md")
    _include(out / "contributing.md", "CONTRIBUTING.md")


def _include(page: Path, name: str) -> None:
    """A page of a file that lies beside docs; its links are taken care of as others are."""
    write_changed(page, (ROOT / name).read_text(encoding="utf-8"))


def process_docstring(
    app: Any, what: str, name: str, owner: Any, options: Any, lines: list[str]
) -> None:
    """Our docstrings are plain text with code in backticks; Sphinx reads reStructuredText."""
    defaults = {}
    if is_long(what, owner):
        for parameter in inspect.signature(owner).parameters.values():
            # What is made anew for each call has no text.
            known = parameter.default not in (inspect.Parameter.empty, None)
            if known and repr(parameter.default) != "<factory>":
                defaults[parameter.name] = repr(parameter.default)
    lines[:] = to_rst(lines, defaults)


def process_signature(
    app: Any, what: str, name: str, owner: Any, *rest: Any
) -> tuple[str, str] | None:
    """Leave out the settings of a command: there are up to eighty, and they are listed below."""
    if not is_long(what, owner):
        return None
    named = inspect.signature(owner).parameters.values()
    first = [
        each.name
        for each in named
        if each.kind is each.POSITIONAL_OR_KEYWORD
        and (each.default is each.empty or what != "class")
    ]
    # Behind the options and the whole signature comes what it returns.
    return f"({', '.join([*first, '*', '...'])})", rest[-1]


def is_long(what: str, owner: Any) -> bool:
    """Whether something has more parameters than a signature can show, or such as have no text."""
    if what not in ("function", "class"):
        return False
    try:
        signature = inspect.signature(owner)
    except (TypeError, ValueError):
        return False
    return len(signature.parameters) > LONGEST_SIGNATURE or "<factory>" in str(signature)


def draw_dashes(app: Any, doctree: nodes.document) -> None:
    """Between a parameter and its meaning Sphinx writes two hyphens, and counts on smart quotes."""
    for text in list(doctree.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" \N{EN DASH} "))


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", draw_dashes)
    app.connect("builder-inited", write_pages)
    app.connect("source-read", rewrite_links)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-process-signature", process_signature)
    app.connect("html-collect-pages", write_source_pages)
    app.connect("build-finished", copy_reports)
