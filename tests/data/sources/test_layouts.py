"""Data sets whose labels stand in text files: tiny copies of the layouts of Tiny-ImageNet and DTD,
folds, splits in CSV files.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskwright.data.sources.open import open_source
from maskwright.support.errors import MaskwrightError

WNIDS = ("n01443537", "n01629819", "n02058221")


@pytest.fixture
def tiny(tmp_path: Path, encoded: Callable[..., bytes]) -> Path:
    """Three classes of Tiny-ImageNet: two train pictures each, three val pictures with the last
    class first, two test pictures.
    """
    root = tmp_path / "tiny-imagenet-200"
    for at, wnid in enumerate(WNIDS):
        place = root / "train" / wnid / "images"
        place.mkdir(parents=True)
        for number in range(2):
            (place / f"{wnid}_{number}.JPEG").write_bytes(
                encoded("JPEG", (64, 64), seed=2 * at + number)
            )
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t10\t63\t58\n")
    for split, count in (("val", 3), ("test", 2)):
        (root / split / "images").mkdir(parents=True)
        for number in range(count):
            (root / split / "images" / f"{split}_{number}.JPEG").write_bytes(
                encoded("JPEG", (64, 64), seed=10 + number)
            )
    rows = [f"val_{number}.JPEG\t{WNIDS[-1 - number]}\t0\t32\t44\t62" for number in range(3)]
    (root / "val/val_annotations.txt").write_text("\n".join(rows) + "\n")
    (root / "wnids.txt").write_text("\n".join(reversed(WNIDS)) + "\n")
    (root / "words.txt").write_text(
        "n00001740\tentity\nn01443537\tgoldfish, Carassius"
        " auratus\nn01629819\tcrane\nn02058221\tcrane, big bird\n"
    )
    return root


def test_tiny_imagenet_has_class_names_and_a_val_split_numbered_alike(tiny: Path) -> None:
    train, val = open_source(tiny), open_source(tiny, split="val")
    assert train.labels == [0, 0, 1, 1, 2, 2]
    assert train.classes == val.classes == ["goldfish", "crane (n01629819)", "crane (n02058221)"]
    assert val.labels == [2, 1, 0]
    assert val.key(0) == "val/images/val_0.JPEG"
    assert train.splits == ("train", "val", "test")
    assert train.fingerprint != val.fingerprint


def test_tiny_imagenets_test_split_has_no_labels(tiny: Path) -> None:
    test = open_source(tiny, split="test")
    assert (len(test), test.labels) == (2, None)


def test_tiny_imagenet_is_read_from_its_zip(tiny: Path) -> None:
    archive = shutil.make_archive(str(tiny), "zip", tiny.parent, tiny.name)
    packed, loose = open_source(archive, split="val"), open_source(tiny, split="val")
    assert packed.labels == loose.labels
    assert packed.classes == loose.classes
    assert np.array_equal(packed.read(1), loose.read(1))


@pytest.mark.parametrize(
    ("spoil", "split", "words"),
    [
        (
            lambda root: (root / "val/images/val_1.JPEG").unlink(),
            "val",
            r"names 1 of 3 pictures that are not there, .*val_1.JPEG",
        ),
        (
            lambda root: shutil.rmtree(root / "train" / WNIDS[0]),
            "train",
            r"names 1 classes without a folder in train/, .*n01443537",
        ),
        (
            lambda root: (root / "val/val_annotations.txt").write_text("val_0.JPEG\tn9\n"),
            "val",
            "names the class 'n9', which train/ has no folder of",
        ),
        (
            lambda root: (root / "val/val_annotations.txt").write_text("val_0.JPEG\tn01443537\n"),
            "val",
            "has no line for 2 pictures, .*val_1.JPEG",
        ),
        (
            lambda root: (root / "val/val_annotations.txt").write_text("val_0.JPEG\n"),
            "val",
            "a line without a picture and its class",
        ),
        (lambda root: None, "valid", "no split 'valid': its splits are train, val, test"),
    ],
)
def test_a_spoiled_tiny_imagenet_is_told_in_a_sentence(
    tiny: Path, spoil: Callable[[Path], object], split: str, words: str
) -> None:
    spoil(tiny)
    with pytest.raises(MaskwrightError, match=words):
        open_source(tiny, split=split)


@pytest.fixture
def dtd(tmp_path: Path, encoded: Callable[..., bytes]) -> Path:
    """Two textures and two partitions; its folder as unpacked, and the place where torchvision
    looks for it.
    """
    base = tmp_path / "tv" / "dtd" / "dtd"
    for at, name in enumerate(("banded", "dotted")):
        (base / "images" / name).mkdir(parents=True)
        for number in range(3):
            (base / "images" / name / f"{name}_{number}.jpg").write_bytes(
                encoded("JPEG", (20, 30), seed=3 * at + number)
            )
    (base / "labels").mkdir()
    for partition, first in ((1, 0), (2, 1)):
        for at, split in enumerate(("train", "val", "test")):
            lines = [f"{name}/{name}_{(first + at) % 3}.jpg" for name in ("dotted", "banded")]
            (base / "labels" / f"{split}{partition}.txt").write_text("\n".join(lines) + "\n")
    return base


@pytest.mark.parametrize(("by_folder", "by_name"), [("test", "DTD"), ("test2", "DTD?partition=2")])
def test_dtds_partitions_are_those_of_torchvision(by_folder: str, by_name: str, dtd: Path) -> None:
    ours = open_source(dtd, split=by_folder)
    theirs = open_source(f"torchvision:{by_name}", split="test", root=dtd.parents[1])
    assert [Path(ours.key(at)).name for at in range(2)] == [
        Path(theirs.key(at)).name for at in range(2)
    ]
    assert (
        (ours.labels, ours.classes)
        == (theirs.labels, theirs.classes)
        == ([1, 0], ["banded", "dotted"])
    )


def test_a_dtd_list_that_names_a_missing_picture_or_partition_is_told(dtd: Path) -> None:
    (dtd / "images/dotted/dotted_0.jpg").unlink()
    with pytest.raises(
        MaskwrightError, match=r"'labels/train1.txt' .* names 1 of 2 pictures that are not there"
    ):
        open_source(dtd)
    with pytest.raises(MaskwrightError, match=r"no split 'train7': there is no labels/train7.txt"):
        open_source(dtd, split="train7")


def test_an_option_of_a_torchvision_set_is_checked(tmp_path: Path) -> None:
    for name, words in (
        ("DTD?partition=11", "takes .partition=1 to 10"),
        ("STL10?flod=1", "takes .fold=0 to 9"),
        ("SVHN?fold=1", "no options"),
    ):
        with pytest.raises(MaskwrightError, match=words):
            open_source(f"torchvision:{name}", root=tmp_path)


def test_stl10s_folds_are_rows_of_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "tv" / "stl10_binary"
    base.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 96, 96), dtype=np.uint8)
    for name in ("train", "test"):
        pixels.tofile(base / f"{name}_X.bin")
        np.array([1, 2, 3, 4, 5, 6], dtype=np.uint8).tofile(base / f"{name}_y.bin")
    (base / "fold_indices.txt").write_text(
        "".join(f"{fold % 6} {(fold + 2) % 6} \n" for fold in range(10))
    )
    (base / "class_names.txt").write_text("\n".join("abcdefghij"))
    monkeypatch.setattr("torchvision.datasets.stl10.check_integrity", lambda *_: True)
    fold = open_source("torchvision:STL10?fold=3", root=base.parent)
    assert fold.labels == [3, 5]
    assert np.array_equal(fold.read(1), pixels[5].transpose(2, 1, 0))
    assert len(open_source("torchvision:STL10?fold=3", split="test", root=base.parent)) == 6
    assert fold.fingerprint != open_source("torchvision:STL10?fold=4", root=base.parent).fingerprint


@pytest.fixture
def loose(tmp_path: Path, encoded: Callable[..., bytes]) -> Path:
    """Six pictures in one folder, and a file that gives them labels and splits; the test part lacks
    class a.
    """
    root = tmp_path / "loose"
    root.mkdir()
    for number in range(6):
        (root / f"{number}.png").write_bytes(encoded(seed=number))
    rows = [
        "file,label,split",
        *(
            f"{number}.png,{'abcbcc'[number]},{'train' if number < 4 else 'val'}"
            for number in range(6)
        ),
    ]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return root


def test_a_label_file_cuts_a_folder_into_its_splits(loose: Path) -> None:
    file = str(loose.parent / "labels.csv")
    train, val = (
        open_source(loose, split="train", labels=file),
        open_source(loose, split="val", labels=file),
    )
    assert (train.labels, val.labels) == (
        [0, 1, 2, 1],
        [2, 2],
    )  # numbers of the whole file, though val has no class a
    assert val.key(0) == "4.png"
    assert train.splits == ("train", "val")
    assert len(open_source(loose, labels=file)) == 6
    with pytest.raises(MaskwrightError, match=r"no split 'test': its splits are train, val"):
        open_source(loose, split="test", labels=file)


def test_a_list_with_a_split_column_has_splits(loose: Path) -> None:
    (loose / "list.csv").write_text((loose.parent / "labels.csv").read_text())
    assert open_source(loose / "list.csv", split="val").labels == [2, 2]
    (loose / "plain.csv").write_text("file,label\n0.png,a\n1.png,b\n")
    with pytest.raises(MaskwrightError, match="has no split 'val': it has no column split"):
        open_source(loose / "plain.csv", split="val")


def test_a_label_file_that_names_unknown_pictures_is_told(loose: Path) -> None:
    file = loose.parent / "labels.csv"
    file.write_text(file.read_text() + "\n9.png,a,train")
    with pytest.raises(
        MaskwrightError,
        match=r"names 1 of 7 pictures that are not in '.*loose', for example '9.png'",
    ):
        open_source(loose, split="train", labels=str(file))


def test_a_label_file_may_cover_the_other_splits_of_a_folder(folder: Path) -> None:
    keys = [
        f"{split}/{label}/{n}.png"
        for split in ("train", "test")
        for label in ("cat", "dog")
        for n in range(3)
    ]
    (folder.parent / "all.csv").write_text(
        "\n".join(["file,label", *(f"{key},{at % 2}" for at, key in enumerate(keys))])
    )
    assert len(open_source(folder, split="train", labels=str(folder.parent / "all.csv"))) == 6
