"""A damaged file of a run names the run's whole ones; nobody can fetch again what this machine
wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.inspect import describe
from maskwright.workflows.runs.locate import load_any, load_any_encoder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two whole checkpoints, one of an earlier epoch, and an export, of which last.ckpt
    is cut.
    """
    for name in ("checkpoints", "exported"):
        (tmp_path / name).mkdir()
    (tmp_path / "run.json").write_text(json.dumps({"state": "finished"}))
    for name in ("last", "epoch_0020", "epoch_0040"):
        torch.save({"state_dict": {"a": torch.zeros(999)}}, tmp_path / f"checkpoints/{name}.ckpt")
    save_file({"a": torch.zeros(9)}, tmp_path / "exported" / "encoder.safetensors")
    cut(tmp_path / "checkpoints" / "last.ckpt")
    cut(tmp_path / "checkpoints" / "epoch_0020.ckpt")
    return tmp_path


def cut(path: Path) -> None:
    """Keep half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("read", [load_any, load_any_encoder])
def test_the_whole_files_are_offered_and_the_cut_ones_are_not(
    run: Path, read: Callable[[Path], object]
) -> None:
    with pytest.raises(MaskwrightError) as caught:
        read(run)
    said = str(caught.value)
    assert "epoch_0040.ckpt" in said
    assert "exported/encoder.safetensors" in said
    assert "epoch_0020" not in said
    assert "fetch it again" not in said


@pytest.mark.parametrize("name", ["last.ckpt", "epoch_0020.ckpt"])
def test_a_checkpoint_named_itself_gets_the_same_offer(run: Path, name: str) -> None:
    (run / "checkpoints" / name).write_bytes(b"")
    with pytest.raises(MaskwrightError, match=r"is empty.*keeps whole ones.*encoder\.safetensors"):
        describe(str(run / "checkpoints" / name))


def test_a_run_with_nothing_else_says_so(run: Path) -> None:
    cut(run / "checkpoints" / "epoch_0040.ckpt")
    cut(run / "exported" / "encoder.safetensors")
    with pytest.raises(MaskwrightError, match="keeps no other weights"):
        load_any_encoder(run)


def test_a_file_from_elsewhere_is_to_be_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"PK\x03\x04 half of")
    with pytest.raises(MaskwrightError, match="fetch it again"):
        load_any_encoder(tmp_path / "w.pth")
