"""Notebooks lie beside docs; the site reads copies of them."""

from __future__ import annotations

import json
from pathlib import Path

from site_pages.files import write_changed

# The order in which the site lists them; others follow by name.
FIRST = ("quickstart", "compare_policies", "continue_from_pretrained", "fill_in", "write_a_policy")


def place_notebooks(notebooks: Path, out: Path, run: bool) -> None:
    """Copy the notebooks where they have changed, and write the page that lists them.

    run: whether the build runs them, so that their pages show what came out.
    """
    found = {path.stem: path for path in notebooks.glob("*.ipynb")}
    names = [name for name in FIRST if name in found] + sorted(set(found) - set(FIRST))
    titles = {}
    for name in names:
        text = found[name].read_text(encoding="utf-8")
        titles[name] = read_title(text)
        write_changed(out / f"{name}.ipynb", text)
    write_changed(out / "index.md", _format_index(titles, run))


def read_title(text: str) -> str:
    """The first heading of a notebook."""
    cells = json.loads(text)["cells"]
    first = "".join(cells[0]["source"]).lstrip("# ")
    return first.splitlines()[0]


def _format_index(titles: dict[str, str], run: bool) -> str:
    note = (
        "Their pages show what came out while this site was built."
        if run
        else "This site was built without running them (`make site` does), so their pages show"
        " the code alone."
    )
    return "\n".join(
        [
            "# Notebooks",
            "",
            "Each runs on two CPU cores in a few minutes, with pictures that a package brings or"
            " that are rendered. The first cell installs what is missing, on Colab and Kaggle too.",
            "",
            note,
            "",
            *[f"- [{title}]({name}.ipynb)" for name, title in titles.items()],
            "",
            "```{toctree}",
            ":hidden:",
            "",
            *titles,
            "```",
            "",
        ]
    )
