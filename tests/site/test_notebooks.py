"""Every notebook runs from its first cell to its last, with trainings of a few steps."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SRC = Path(__file__).parents[2] / "src"


@pytest.mark.slow
# zmq and the kernel's own libraries warn of things that no notebook can mend.
@pytest.mark.filterwarnings("ignore")
def test_the_notebooks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKWRIGHT_SHORT", "1")
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    # One kernel imports torch once; between two notebooks every name is forgotten.
    cells = []
    for path in NOTEBOOKS:
        cells.append(nbformat.v4.new_code_cell("%reset -f"))
        cells += nbformat.read(path, as_version=4).cells
    together = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(together, timeout=240, kernel_name="python3").execute()
    for path in NOTEBOOKS:
        mine = [cell for cell in together.cells if cell.id.startswith(f"{path.stem}-")]
        shown = [output for cell in mine for output in cell.get("outputs", ())]
        rich = [one for one in shown if {"text/html", "image/png"} & set(one.get("data", {}))]
        assert rich, f"{path.stem} shows nothing but text."


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_cleared_and_the_first_cell_installs(path: Path) -> None:
    code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "pip install" in code[0].source
