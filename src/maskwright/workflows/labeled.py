"""Labeled pictures to learn from and to test on: splits found by name, classes matched by name, a few per class, folds."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch

from maskwright.data.packed import PackedStore
from maskwright.data.sources import Source, open_source
from maskwright.evaluation.linear_probe import hold_out
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.seeding import torch_generator
from maskwright.workflows.loading import packed

TEST_NAMES = ("test", "val", "valid", "validation")
TRAIN_NAMES = ("train", "training", "trainval")
TEST_SHARE = 0.25
NUM_FOLDS = 10


@dataclass(frozen=True, kw_only=True)
class LabeledData:
    """Two labeled stores whose label numbers mean the same classes, and where they came from."""

    train: PackedStore
    test: PackedStore
    classes: tuple[str, ...]
    name: str
    how: str


@dataclass(frozen=True, kw_only=True)
class LabeledWish:
    """Which labeled pictures are asked for.

    shots: `10%` of each class, or `5` pictures of each, for learning; limit: most pictures of each split, chosen by the seed.
    """

    data: str
    labels: str | None = None
    train_split: str | None = None
    test_split: str | None = None
    shots: str | None = None
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shots is not None:
            count_shots(self.shots, 1)


def open_labeled(wish: LabeledWish, config: ModelConfig, reporter: Reporter) -> LabeledData:
    """Decode the pictures at a model's size; without a test split a seeded, stratified quarter is held out for testing.

    Raises MaskwrightError for pictures without labels and for test classes that train does not have.
    """
    names = _split_names(wish)
    if names is None:
        store, classes, name = _open(wish, None, config, reporter)
        held = hold_out(_labels(store), TEST_SHARE, wish.seed)
        train, test = store.subset((~held).nonzero()[:, 0]), store.subset(held.nonzero()[:, 0])
        how = f"a stratified quarter of {name} held out with seed {wish.seed}"
    else:
        train, classes, name = _open(wish, names[0], config, reporter)
        test, others, _ = _open(wish, names[1], config, reporter)
        test = _matched(test, others, classes, wish.data, names, reporter)
        how = f"splits {names[0]} and {names[1]} of {wish.data}"
    train = _few(train, wish)
    train, test = _limited(train, wish), _limited(test, wish)
    if len(_labels(train).unique()) < 2:
        raise MaskwrightError(f"'{wish.data}' has one class to learn from ({classes[0]}); a classifier needs at least two.")
    return LabeledData(train=train, test=test, classes=classes, name=name, how=how + (f", {wish.shots} per class" if wish.shots else ""))


def count_shots(shots: str, available: int) -> int:
    """How many pictures of a class `10%` or `5` stand for, at least one; raises MaskwrightError for other words."""
    word = shots.strip()
    try:
        share = float(word[:-1]) / 100 if word.endswith("%") else None
        count = 0 if share is not None else int(word)
    except ValueError:
        share, count = None, 0
    if (share is not None and 0 < share <= 1) or count > 0:
        return min(available, max(1, round(share * available))) if share is not None else min(available, count)
    raise MaskwrightError(f"shots is a share of each class such as 10%, or a number per class such as 5; got '{shots}'.")


def _split_names(wish: LabeledWish) -> tuple[str, str] | None:
    """The two splits to use, or None to cut the whole."""
    known = open_source(wish.data, split=wish.train_split, labels=wish.labels).splits
    test = wish.test_split or next((name for name in TEST_NAMES if name in known), None)
    train = wish.train_split or next((name for name in TRAIN_NAMES if name in known), None)
    if test is None or train is None:
        if wish.test_split:
            raise MaskwrightError(f"Name the split of '{wish.data}' to learn from beside --test-split {test}: --train-split NAME.")
        return None
    return train, test


def _open(wish: LabeledWish, split: str | None, config: ModelConfig, reporter: Reporter) -> tuple[PackedStore, tuple[str, ...], str]:
    source = open_source(wish.data, split=split, labels=wish.labels)
    _refuse_unlabeled(source, wish.data, split)
    store = packed(source, config.image_size, config.channels, reporter)
    names = source.classes or store.classes
    classes = tuple(names) if names else tuple(map(str, range(int(_labels(store).max()) + 1)))
    return store, classes, source.name


def _refuse_unlabeled(source: Source, data: str, split: str | None) -> None:
    if source.labels is not None:
        return
    if split is not None:
        raise MaskwrightError(f"The split '{split}' of '{data}' has no labels; name a labeled one with --train-split or --test-split.")
    raise MaskwrightError(f"'{data}' has no class folders and no labels: pass --labels FILE.csv (file,label), or other --data.")


def _matched(
    test: PackedStore, named: tuple[str, ...], classes: tuple[str, ...], data: str, splits: tuple[str, str], reporter: Reporter
) -> PackedStore:
    """The test pictures with train's class numbers: each split numbers the classes that it has."""
    if strange := [name for name in named if name not in classes]:
        raise MaskwrightError(
            f"The split '{splits[1]}' of '{data}' has {len(strange)} classes that '{splits[0]}' does not have, for example '{strange[0]}'; "
            f"are class folders missing in '{splits[0]}'?"
        )
    if missing := [name for name in classes if name not in named]:
        reporter.warn(f"The split '{splits[1]}' of '{data}' has no pictures of {len(missing)} classes, for example '{missing[0]}'.")
    if named == classes:
        return test
    number = torch.tensor([classes.index(name) for name in named])
    return dataclasses.replace(test, labels=number[_labels(test)], classes=classes)


def _few(store: PackedStore, wish: LabeledWish) -> PackedStore:
    """A few pictures of each class, drawn by the seed."""
    if wish.shots is None:
        return store
    labels = _labels(store)
    order = torch.randperm(len(store), generator=torch_generator(wish.seed, "shots"))
    kept = []
    for label in labels.unique():
        members = order[labels[order] == label]
        kept.append(members[: count_shots(wish.shots, len(members))])
    return store.subset(torch.cat(kept).sort().values)


def _limited(store: PackedStore, wish: LabeledWish) -> PackedStore:
    if wish.limit is None or wish.limit >= len(store):
        return store
    order = torch.randperm(len(store), generator=torch_generator(wish.seed, "limit"))
    return store.subset(order[: wish.limit].sort().values)


def _labels(store: PackedStore) -> torch.Tensor:
    assert store.labels is not None
    return store.labels


def folds_of(data: str, fold: str) -> list[str]:
    """The data of one of STL-10's ten folds of 1,000 training pictures, or of `all`."""
    if not data.lower().startswith("torchvision:stl10"):
        raise MaskwrightError(f"Folds are those of torchvision:STL10; '{data}' has none. Leave out --fold, or use --shots.")
    if fold != "all" and not (fold.isdigit() and int(fold) < NUM_FOLDS):
        raise MaskwrightError(f"fold is 0 to {NUM_FOLDS - 1}, or all; got '{fold}'.")
    return [f"{data}?fold={number}" for number in (range(NUM_FOLDS) if fold == "all" else [int(fold)])]


def spell_spread(values: list[float]) -> str:
    """Mean and standard deviation over folds."""
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
    return f"{mean:.3f} +- {deviation:.3f} over {len(values)} folds"
