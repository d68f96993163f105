"""Every notebook runs from its first cell to its last, with trainings of a few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SRC = Path(__file__).parents[2] / "src"


def cells_of(path: Path, kind: str = "code") -> list[Any]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == kind]


@pytest.mark.notebooks
# About two minutes of one core; more where others work on the machine.
@pytest.mark.timeout(900)
# zmq and the kernel's own libraries warn of things that no notebook can mend.
@pytest.mark.filterwarnings("ignore")
def test_the_notebooks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKWRIGHT_SHORT", "1")
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    # tqdm, which timm brings, asks for ipywidgets; Colab, Kaggle and Jupyter have them.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:IProgress not found")
    # One kernel imports torch once; between two notebooks every name is forgotten.
    cells = []
    for path in NOTEBOOKS:
        cells.append(nbformat.v4.new_code_cell("%reset -f"))
        cells += nbformat.read(path, as_version=4).cells
    together = nbformat.v4.new_notebook(cells=cells)
    # A busy machine takes its time to start a kernel.
    client = NotebookClient(together, timeout=240, startup_timeout=240, kernel_name="python3")
    client.execute()
    for path in NOTEBOOKS:
        mine = [cell for cell in together.cells if cell.id.startswith(f"{path.stem}-")]
        shown = [output for cell in mine for output in cell.get("outputs", ())]
        pictures = [one for one in shown if "<img " in one.get("data", {}).get("text/html", "")]
        assert pictures, f"{path.stem} shows no picture."
        # Progress is one line that changes in place; nothing is left to the error stream.
        assert not [one for one in shown if one.get("name") == "stderr"], path.stem
        assert "\r" not in str(shown), path.stem


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_cleared_and_the_first_cell_installs(path: Path) -> None:
    code = cells_of(path)
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "pip install" in code[0].source
    # Where maskwright is there already, the cell does nothing.
    assert 'if importlib.util.find_spec("maskwright") is None:\n    %pip' in code[0].source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_shortens_a_notebook_stands_in_one_cell_of_parameters(path: Path) -> None:
    tagged = [cell for cell in cells_of(path) if "parameters" in cell.metadata.get("tags", ())]
    assert len(tagged) == 1
    naming = [cell for cell in cells_of(path) if "SHORT" in cell.source]
    assert naming == tagged
    # And it is said in words.
    assert "MASKWRIGHT_SHORT=1" in "".join(cell.source for cell in cells_of(path, "markdown"))
