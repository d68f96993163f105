"""How the site is built: Sphinx reads the same Markdown that a code host shows."""

from __future__ import annotations

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

from site_pages.docstrings import to_rst
from site_pages.gallery import write_gallery
from site_pages.links import copy_reports, rewrite_links, write_source_pages
from site_pages.mistakes import write_mistakes
from site_pages.notebooks import place_notebooks
from site_pages.reference import write_reference

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
html_copy_source = False
# Everything comes from this machine: the site works without a network.
html_theme_options = {"source_repository": ""}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings: list[str] = []
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# `make docs` runs the tour; `make site` also runs the notebooks at their full length.
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "docs-notebooks")
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_excludepatterns = (
    [] if os.environ.get("MASKWRIGHT_SITE") == "full" else ["generated/notebooks/*"]
)
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_member_order = "bysource"


def write_pages(app: Any) -> None:
    """Write everything that is generated, before Sphinx looks for pages."""
    # What workflows report on their way is of no use here.
    logging.getLogger("maskwright").setLevel(logging.ERROR)
    out = HERE / "generated"
    pictures = out / "gallery" / "pictures"
    write_gallery(out / "gallery", pictures)
    write_reference(out / "reference")
    write_mistakes(out / "mistakes.md")
    place_notebooks(ROOT / "notebooks", out / "notebooks")
    _include(out / "changelog.md", "CHANGELOG.md")
    _include(out / "contributing.md", "CONTRIBUTING.md")


def _include(page: Path, name: str) -> None:
    """A page of a file that lies beside docs; its links are taken care of as others are."""
    text = (ROOT / name).read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")


def process_docstring(
    app: Any, what: str, name: str, owner: Any, options: Any, lines: list[str]
) -> None:
    """Our docstrings are plain text with code in backticks; Sphinx reads reStructuredText."""
    lines[:] = to_rst(lines)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", rewrite_links)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("html-collect-pages", write_source_pages)
    app.connect("build-finished", copy_reports)
