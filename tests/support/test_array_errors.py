"""Tests of what is said where an array file is none: never NumPy's advice to load a pickle."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from maskwright.cli.main import main
from maskwright.data.pixels.decode import UnreadableImage
from maskwright.data.sources.open import open_source
from maskwright.data.store.open_packed import open_packed
from maskwright.data.store.packed import INDEX
from maskwright.support.array_errors import array_fault
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.building.policies import read_masks
from maskwright.workflows.measuring.read_features import read_features


@pytest.fixture
def no_array(tmp_path: Path) -> Path:
    """A file with an array's ending and a text inside."""
    path = tmp_path / "arrays.npy"
    path.write_text("these are words")
    return path


def test_numpys_own_advice_is_replaced_and_other_faults_are_passed_on(no_array: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle") as caught:
        np.load(no_array)
    assert array_fault(caught.value) == "it is not an array file of NumPy, or it holds objects"
    assert array_fault(OSError("No space")) == "No space"


def test_data_that_are_no_array_are_told_so(no_array: Path) -> None:
    with pytest.raises(MaskwrightError, match="not an array file of NumPy") as caught:
        open_source(str(no_array))
    assert "pickle" not in str(caught.value)


def test_a_mask_that_is_no_array_is_told_so(no_array: Path) -> None:
    with pytest.raises(MaskwrightError, match=r"mask .* not an array file of NumPy"):
        read_masks(no_array)


def test_features_that_are_no_arrays_are_told_so(no_array: Path) -> None:
    packed = no_array.rename(no_array.with_suffix(".npz"))
    with pytest.raises(MaskwrightError, match=r"as features .*not an array file of NumPy"):
        read_features(packed)


def test_a_picture_that_is_no_array_is_told_so(no_array: Path) -> None:
    np.save(no_array.with_name("picture.npy"), np.zeros((8, 8, 3), np.uint8))
    source = open_source(str(no_array.parent))
    broken = [source.key(index) for index in range(len(source))].index(no_array.name)
    with pytest.raises(UnreadableImage, match="not an array file of NumPy"):
        source.read(broken)


def test_a_store_whose_index_is_no_array_is_told_so(no_array: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    np.save(photos / "picture.npy", np.zeros((8, 8, 3), np.uint8))
    store = tmp_path / "store"
    assert main(["prepare", str(photos), "--out", str(store), "--size", "8"]) == 0
    shutil.copy(no_array, store / INDEX)
    with pytest.raises(MaskwrightError, match=r"index .*not an array file of NumPy"):
        open_packed(store)
