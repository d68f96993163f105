"""Notebooks lie beside docs; the site reads copies of them."""

from __future__ import annotations

from pathlib import Path

TITLES = ("quickstart", "compare_policies", "continue_from_pretrained", "fill_in", "write_a_policy")


def place_notebooks(notebooks: Path, out: Path) -> None:
    """Copy the notebooks where they have changed, and write the page that lists them."""
    out.mkdir(parents=True, exist_ok=True)
    for name in TITLES:
        text = (notebooks / f"{name}.ipynb").read_text(encoding="utf-8")
        place = out / f"{name}.ipynb"
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            place.write_text(text, encoding="utf-8")
    (out / "index.md").write_text(_format_index(), encoding="utf-8")


def _format_index() -> str:
    return "\n".join(
        [
            "# Notebooks",
            "",
            "Each runs on two CPU cores in a few minutes, with pictures that a package brings or"
            " that are rendered. The first cell installs what is missing, on Colab and Kaggle too.",
            "",
            "```{toctree}",
            *TITLES,
            "```",
            "",
        ]
    )
