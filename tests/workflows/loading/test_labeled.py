"""Labeled pictures for learning and testing: classes matched by name, few per class, folds, and
mistakes in sentences.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from maskwright.evaluation.few_shot import draw_shots
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.finetuning.data import open_pictures
from maskwright.workflows.finetuning.folds import folds_of, format_spread
from maskwright.workflows.loading.labeled import Labeled, find_labeled, find_split
from maskwright.workflows.loading.labeled_settings import LabeledSettings

CONFIG = ModelConfig(image_size=(16, 16), patch_size=4)


class Listener:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def say(self, text: str) -> None:
        self.messages.append(text)

    warn = say

    def progress(self, label: str, done: float, total: float, detail: str) -> None: ...

    def finish(self) -> None: ...


@pytest.fixture
def pets(shared_photos: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared_photos, tmp_path / "pets"))


def _open(asked: LabeledSettings, listener: Listener | None = None) -> Labeled:
    return open_pictures(asked, CONFIG, listener or Listener())


def test_a_class_that_the_test_split_lacks_does_not_move_the_others(pets: Path) -> None:
    shutil.rmtree(pets / "test/bright")
    (pets / "test/dark2").mkdir()
    shutil.move(next((pets / "test/dark").iterdir()), pets / "test/dark2")
    shutil.copytree(pets / "train/dark", pets / "train/dark2")
    listener = Listener()
    data = _open(LabeledSettings(data=str(pets)), listener)
    assert data.classes == ("bright", "dark", "dark2")
    assert data.test.labels is not None
    assert data.test.labels.unique().tolist() == [1, 2]
    assert any(
        "no pictures of 1 classes, for example 'bright'" in text for text in listener.messages
    )


def test_a_class_that_train_lacks_is_told(pets: Path) -> None:
    shutil.rmtree(pets / "train/dark")
    shutil.copytree(pets / "train/bright", pets / "train/dusk")
    with pytest.raises(
        MaskwrightError, match=r"has 1 classes that 'train' does not have, for example 'dark'"
    ):
        _open(LabeledSettings(data=str(pets)))


def test_a_test_split_without_labels_is_told(pets: Path) -> None:
    for at, file in enumerate(sorted((pets / "test").rglob("*.png"))):
        file.rename(pets / "test" / f"{at}.png")
    with pytest.raises(MaskwrightError, match=r"The split 'test' .* has no labels"):
        _open(LabeledSettings(data=str(pets)))


def test_pictures_without_class_folders_are_told(pets: Path) -> None:
    with pytest.raises(MaskwrightError, match="no class folders and no labels"):
        _open(LabeledSettings(data=str(pets / "train/dark")))


def test_shots_are_the_same_for_the_same_seed_alone(pets: Path) -> None:
    one, two, other = (
        _open(LabeledSettings(data=str(pets), shots="3", seed=seed)).train for seed in (0, 0, 1)
    )
    assert one.keys == two.keys != other.keys
    assert one.labels is not None
    assert one.labels.bincount().tolist() == [3, 3]


def test_without_a_test_split_a_quarter_is_held_out(pets: Path) -> None:
    data = _open(LabeledSettings(data=str(pets / "train")))
    assert (len(data.train), len(data.test)) == (30, 10)
    assert not set(data.train.keys) & set(data.test.keys)


def test_a_class_that_train_lacks_is_noted_where_nothing_is_trained(pets: Path) -> None:
    (pets / "train/dark").rename(pets / "train/dusk")
    found = find_labeled(LabeledSettings(data=str(pets)), CONFIG, Listener())
    assert (found.classes, found.unknown, found.absent) == (
        ("bright", "dusk", "dark"),
        ("dark",),
        ("dusk",),
    )
    assert found.test.labels is not None
    assert found.test.labels.unique().tolist() == [0, 2]
    assert found.notes == (
        "Class 'dark' has test images but no train images, so all answers there are wrong.",
    )


def test_shots_are_the_first_draw_of_a_few_shot_probe(pets: Path) -> None:
    whole, few = (
        find_labeled(LabeledSettings(data=str(pets), shots=shots), CONFIG, Listener()).train
        for shots in (None, "10%")
    )
    assert whole.labels is not None
    kept = draw_shots(whole.labels, "10%", seed=0, draw=0).tolist()
    assert few.keys == tuple(key for key, is_kept in zip(whole.keys, kept, strict=True) if is_kept)


def test_a_split_is_never_tested_on_itself(pets: Path) -> None:
    found = find_labeled(LabeledSettings(data=str(pets), train_split="test"), CONFIG, Listener())
    assert "held out" in found.how
    assert not set(found.train.keys) & set(found.test.keys)
    assert all(key.startswith("test/") for key in found.train.keys + found.test.keys)
    with pytest.raises(MaskwrightError, match="both name 'test'"):
        find_split(LabeledSettings(data=str(pets), train_split="test", test_split="test"))
    with pytest.raises(MaskwrightError, match="say which to fit on by --train-split"):
        find_split(LabeledSettings(data=str(pets), test_split="train"))


def test_one_split_is_opened_at_any_size(pets: Path) -> None:
    (pets / "train").rename(pets / "training")
    split = find_split(LabeledSettings(data=str(pets), limit=12))
    small, large = (split.open((side, side), 3, Listener()) for side in (16, 48))
    assert split.how == "splits training and test of pets"
    assert small.train.keys == large.train.keys
    assert small.test.keys == large.test.keys
    assert (len(small.train), len(small.test)) == (12, 12)


def test_one_class_is_nothing_to_learn(pets: Path) -> None:
    with pytest.raises(
        MaskwrightError, match="has 1 class to learn from, and at least two are needed"
    ):
        find_labeled(LabeledSettings(data=str(pets), limit=1), CONFIG, Listener())


def test_folds_are_stl10s_alone() -> None:
    assert folds_of("torchvision:STL10", "all")[9] == "torchvision:STL10?fold=9"
    assert folds_of("torchvision:stl10", "3") == ["torchvision:stl10?fold=3"]
    with pytest.raises(MaskwrightError, match="fold is 0 to 9, or all; got '10'"):
        folds_of("torchvision:STL10", "10")
    assert format_spread([0.5, 0.7]) == "0.600 +- 0.141 over 2 folds"
