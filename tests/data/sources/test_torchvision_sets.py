"""torchvision's data sets from tiny copies of their layouts on disk; only torchvision's check of
the files' hashes is switched off.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, DTD, STL10

from maskwright.data.sources.open import open_source
from maskwright.data.sources.torchvision_classes import TORCHVISION_SETS
from maskwright.support.errors import MaskwrightError

rng = np.random.default_rng(0)


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten CIFAR-10 training pictures in five files and two test pictures; row = red, green and blue
    planes.
    """
    base = tmp_path / "tv" / "cifar-10-batches-py"
    base.mkdir(parents=True)
    for name, count in [*((f"data_batch_{n}", 2) for n in range(1, 6)), ("test_batch", 2)]:
        batch = {"data": rng.integers(0, 256, (count, 3072), dtype=np.uint8), "labels": [3, 5]}
        (base / name).write_bytes(pickle.dumps(batch))
    names = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ]
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    return base.parent


def test_cifar10_gives_its_pictures_labels_and_class_names(cifar: Path) -> None:
    source = open_source("torchvision:cifar10", root=cifar)
    assert len(source) == 10
    assert source.labels == [3, 5] * 5
    assert source.classes is not None
    assert source.classes[3] == "cat"
    planes = pickle.loads((cifar / "cifar-10-batches-py/data_batch_1").read_bytes())["data"][
        1
    ].reshape(3, 32, 32)
    assert np.array_equal(source.read(1), planes.transpose(1, 2, 0))


def test_cifar10_has_a_test_split(cifar: Path) -> None:
    source = open_source("torchvision:CIFAR10", root=cifar, split="test")
    assert len(source) == 2
    assert source.name == "cifar10-test"


def test_an_unknown_split_lists_the_sets_own(cifar: Path) -> None:
    with pytest.raises(MaskwrightError, match="no split 'val'; it has train, test"):
        open_source("torchvision:CIFAR10", root=cifar, split="val")


@pytest.fixture
def stl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three labelled and two unlabelled STL-10 pictures in its binary layout: column by column,
    labels from 1.
    """
    base = tmp_path / "tv" / "stl10_binary"
    base.mkdir(parents=True)
    for name, count in (("train", 3), ("test", 3), ("unlabeled", 2)):
        rng.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8).tofile(base / f"{name}_X.bin")
    for name in ("train", "test"):
        np.array([1, 10, 2], dtype=np.uint8).tofile(base / f"{name}_y.bin")
    names = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]
    (base / "class_names.txt").write_text("\n".join(names))
    monkeypatch.setattr("torchvision.datasets.stl10.check_integrity", lambda *_: True)
    return base.parent


def test_stl10_gives_upright_pictures_and_labels_from_zero(stl: Path) -> None:
    source = open_source("torchvision:STL10", root=stl)
    raw = np.fromfile(stl / "stl10_binary/train_X.bin", dtype=np.uint8).reshape(3, 3, 96, 96)
    assert np.array_equal(source.read(2), raw[2].transpose(2, 1, 0))
    assert source.labels == [0, 9, 1]


@pytest.mark.parametrize(("split", "count"), [("unlabeled", 2), ("train+unlabeled", 5)])
def test_stl10_without_all_labels_is_unlabelled(stl: Path, split: str, count: int) -> None:
    source = open_source("torchvision:STL10", root=stl, split=split)
    assert len(source) == count
    assert source.labels is None
    assert source.classes is None


def test_dtd_is_read_file_by_file(tmp_path: Path, encoded: Callable[..., bytes]) -> None:
    base = tmp_path / "tv" / "dtd" / "dtd"
    files = ["banded/banded_1.jpg", "dotted/dotted_2.jpg"]
    for at, file in enumerate(files):
        (base / "images" / file).parent.mkdir(parents=True)
        (base / "images" / file).write_bytes(encoded("JPEG", (30 + at, 20)))
    (base / "labels").mkdir()
    (base / "labels" / "train1.txt").write_text("\n".join(files))
    source = open_source("torchvision:DTD", root=tmp_path / "tv")
    assert source.classes == ["banded", "dotted"]
    assert source.labels == [0, 1]
    assert source.size(1) == (31, 20)


@pytest.mark.parametrize(
    ("name", "needed"),
    [("CIFAR10", "cifar-10-batches-py/"), ("STL10", "stl10_binary/"), ("DTD", "dtd/dtd/")],
)
def test_without_files_or_network_the_error_says_what_to_put_where(
    name: str, needed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", no_network)
    with pytest.raises(
        MaskwrightError, match=f"not in '.*nowhere' and could not be downloaded .* Put {needed} "
    ):
        open_source(f"torchvision:{name}", root=tmp_path / "nowhere")


def test_an_unknown_set_suggests_a_near_one() -> None:
    with pytest.raises(
        MaskwrightError, match=r"Unknown torchvision set 'CIFAR'. Did you mean 'CIFAR10'"
    ):
        open_source("torchvision:CIFAR")


def test_the_table_names_attributes_that_torchvision_really_has() -> None:
    assert {CIFAR10.__name__, STL10.__name__, DTD.__name__} <= set(TORCHVISION_SETS)
    from torchvision import datasets

    assert set(TORCHVISION_SETS) <= set(datasets.__all__)
