import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.data.store.same_picture import (
    group_pictures,
    hash_names,
    hash_pixels,
    name_of_picture,
)
from maskwright.data.store.splits import MOST_HELD_OUT, default_count, spread
from maskwright.data.store.stratified import choose_held, hold_out_of_each_class
from maskwright.support.name_column import write_names
from maskwright.support.seeding import sample_rng


def chance_of(keys: list[str], seed: int = 0) -> torch.Tensor:
    return sample_rng(seed, 0, hash_names(keys), "holdout").bits(1)[:, 0]


def of_sizes(*sizes: int) -> torch.Tensor:
    return torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))


def hold(labels: torch.Tensor, count: int, seed: int = 0, **more: object) -> torch.Tensor:
    chance = chance_of([f"{label}/{at}" for at, label in enumerate(labels.tolist())], seed)
    return choose_held(count, chance, labels=labels, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("Omniglot", [20] * 1623),
        ("a hundred of nine", [9] * 100),
        ("one class of one", [1, 500]),
        ("forty of five", [5] * 40),
        ("Tiny-ImageNet", [500] * 200),
        ("iNaturalist's proportions", [268] * 500),
        ("every class of one", [1] * 300),
        ("75 classes of 12", [12] * 75),
    ],
)
def test_the_default_holds_out_its_whole_count_whatever_the_classes(
    name: str, sizes: list[int]
) -> None:
    labels = of_sizes(*sizes)
    count = default_count(len(labels))
    held = hold(labels, count)
    assert int(held.sum()) == count == min(round(0.05 * len(labels)), MOST_HELD_OUT)
    small = torch.tensor(sizes) == 1
    by_class = torch.bincount(labels[held], minlength=len(sizes))
    if not small.all():
        assert not by_class[small].any()  # a class of one stays in training while others can give
        shares = torch.tensor(sizes) * count / len(labels)
        assert ((by_class - shares).abs() < 1 + 1e-9).all()


sizes_of_classes = st.lists(st.integers(1, 12), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(sizes_of_classes, st.floats(0.01, 0.99), st.integers(0, 5))
def test_totals_are_exact_and_nothing_but_keys_labels_and_seed_counts(
    sizes: list[int], share: float, seed: int
) -> None:
    labels = of_sizes(*sizes)
    count = int(share * len(labels))
    keys = [f"{label}/{at}.png" for at, label in enumerate(labels.tolist())]
    held = choose_held(count, chance_of(keys, seed), labels=labels)
    assert int(held.sum()) == count

    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    other = choose_held(count, chance_of([keys[at] for at in order], seed), labels=labels[order])
    assert torch.equal(other, held[order])


@settings(max_examples=150, deadline=None)
@given(sizes_of_classes, st.floats(0.01, 0.99))
def test_sparing_classes_leaves_something_of_each_to_learn_from(
    sizes: list[int], share: float
) -> None:
    labels = of_sizes(*sizes)
    count = int(share * len(labels))
    held = hold(labels, count, spare_classes=True)
    assert int(held.sum()) == min(count, len(labels) - len(sizes))
    assert labels[~held].unique().tolist() == list(range(len(sizes)))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 4)), min_size=2, max_size=40),
    st.floats(0.01, 0.99),
    st.integers(0, 3),
    st.booleans(),
)
def test_groups_stay_together_and_cost_less_than_the_largest(
    parts: list[tuple[int, int]], share: float, seed: int, spare: bool
) -> None:
    groups = of_sizes(*[size for size, _ in parts])
    labels = torch.tensor([kind for size, kind in parts for _ in range(size)])
    keys = [f"{group}.png#{at}" for at, group in enumerate(groups.tolist())]
    count = int(share * len(groups))
    chosen = choose_held(count, chance_of(keys, seed), groups=groups, labels=labels)
    largest, smallest = max(size for size, _ in parts), min(size for size, _ in parts)
    for group in range(len(parts)):
        assert len(chosen[groups == group].unique()) == 1
    assert not chosen.all()
    if count >= smallest:
        assert count - largest < int(chosen.sum()) <= count
        is_alone = torch.bincount(groups)[groups] == 1
        assert int(chosen.sum()) == count or chosen[is_alone].all()
    else:
        assert int(chosen.sum()) in ((0, smallest) if count == 0 else (smallest,))
    spared = choose_held(
        count, chance_of(keys, seed), groups=groups, labels=labels, spare_classes=True
    )
    assert set(labels[~spared].tolist()) == set(labels.tolist())


@pytest.mark.parametrize("count", [-1, 0, 20, 21])
def test_nothing_is_held_out_for_no_count_and_for_all(count: int) -> None:
    assert not hold(of_sizes(10, 10), count).any()


def test_pictures_without_a_label_are_one_class_more() -> None:
    labels = torch.tensor([-1] * 50 + [0] * 50)
    held = hold(labels, 20)
    assert [int(held[labels == kind].sum()) for kind in (-1, 0)] == [10, 10]


def test_another_seed_holds_out_others() -> None:
    labels = of_sizes(50, 50)
    assert not torch.equal(hold(labels, 20, 0), hold(labels, 20, 1))


def test_windows_are_named_after_their_picture() -> None:
    keys = ["a/x.jpg", "a/x.jpg#2", "a/x.jpg#13", "#1.jpg", "x#2.jpg", "#2", "row 3"]
    assert [name_of_picture(key) for key in keys] == [
        "a/x.jpg",
        "a/x.jpg",
        "a/x.jpg",
        "#1.jpg",
        "x#2.jpg",
        "#2",
        "row 3",
    ]


def test_entries_are_grouped_by_picture_and_by_content_and_through_each_other() -> None:
    names = hash_names(["a", "a#2", "b", "c", "d"])
    pixels = torch.tensor([1, 2, 2, 3, 4])  # b has the pixels of a's second window
    groups = group_pictures(names, pixels)
    assert groups is not None
    assert len(groups.unique()) == 3
    assert len(groups[:3].unique()) == 1
    assert group_pictures(hash_names(["a", "b"]), torch.tensor([1, 2])) is None
    alike = group_pictures(hash_names(["a", "b", "c"]), torch.tensor([7, 8, 7]))
    assert alike is not None
    assert alike[0] == alike[2] != alike[1]


def test_pixels_of_another_shape_are_another_picture() -> None:
    flat = np.arange(24, dtype=np.uint8)
    one, two = flat.reshape(2, 4, 3), flat.reshape(4, 2, 3)
    assert hash_pixels(one) == hash_pixels(one.copy()) != hash_pixels(two)


def test_tuning_keeps_groups_together_too() -> None:
    labels, groups = of_sizes(10, 10), torch.arange(20) // 2
    held = hold_out_of_each_class(labels, 0.4, 0, groups)
    assert held.view(10, 2).unique(dim=1).shape[1] == 1
    assert torch.equal(held[::2], held[1::2])
    assert [int(held[labels == label].sum()) for label in (0, 1)] == [4, 4]


def test_a_part_is_spread_over_the_whole() -> None:
    assert spread(100, 4) == [0, 33, 66, 99]
    assert spread(3, 10) == [0, 1, 2]


def test_a_million_pictures_in_a_thousand_classes_are_split_in_moments() -> None:
    labels = torch.arange(1_300_000) % 1000
    keys = [f"n{at % 1000:08d}/n{at % 1000:08d}_{at // 1000}.JPEG" for at in range(len(labels))]
    pixels = torch.randint(-(2**62), 2**62, (len(labels),), generator=torch.Generator())
    begun = time.process_time()
    names = hash_names(keys)
    groups = group_pictures(names, pixels)
    chance = sample_rng(0, 0, names, "holdout").bits(1)[:, 0]
    held = choose_held(1000, chance, groups=groups, labels=labels)
    spent = time.process_time() - begun
    assert labels[held].bincount().tolist() == [1] * 1000
    assert spent < 10  # about 1.5 seconds; the old way took minutes


@pytest.mark.parametrize("names", [["b.jpg", "a/é.png", "row 3"], ["x.jpg", "x.jpg#2", "y"]])
def test_names_on_disk_fall_into_the_same_parts(tmp_path, names):
    column = write_names(tmp_path, [names])
    assert torch.equal(hash_names(column), hash_names(names))
    assert torch.equal(hash_names(column.chosen(np.array([2, 0]))), hash_names(names)[[2, 0]])
