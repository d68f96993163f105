"""A full disk gives a sentence, and what was there before stays good."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from maskwright.support.errors import MaskwrightError
from maskwright.support.torch_files import write_safetensors, write_torch

LARGE = {"weights": torch.zeros(100_000)}


@contextmanager
def small_disk() -> Iterator[None]:
    """The system refuses to write files of more than 64 KiB, with a real error in the middle of the
    file.

    Not a fixture: pytest writes its own lines while a fixture lasts, into a file perhaps that is
    longer already.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("write", "read"), [(write_torch, torch.load), (write_safetensors, load_file)]
)
def test_a_full_disk_keeps_the_earlier_file(
    tmp_path: Path, write: Callable[..., None], read: Callable[..., Any]
) -> None:
    path = tmp_path / "weights"
    write(path, {"weights": torch.ones(3)})
    told = r"Could not write .*weights.*The earlier weights is intact"
    with small_disk(), pytest.raises(MaskwrightError, match=told):
        write(path, LARGE)
    assert torch.equal(read(path)["weights"], torch.ones(3))
    assert [item.name for item in tmp_path.iterdir()] == ["weights"]
