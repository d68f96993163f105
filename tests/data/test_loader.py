"""The same batches whatever the workers, ranks, interruptions and prefetching."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from maskwright.data.augment.transforms import Augment, evaluation_view
from maskwright.data.loader import Batch, LoaderSettings, build_loader, pick_workers
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError

AUGMENT = Augment(size=(44, 44))


def _epoch(
    store: PackedStore, epoch: int = 0, start: int = 0, augment: Augment = AUGMENT, **options: Any
) -> list[Batch]:
    loader = build_loader(store, augment, LoaderSettings(**{"batch_size": 4, "seed": 0, **options}))
    loader.set_epoch(epoch)
    loader.start_at(start)
    return list(loader)


def _same(one: list[Batch], two: list[Batch]) -> bool:
    return len(one) == len(two) and all(
        torch.equal(a.images, b.images)
        and torch.equal(a.sample_ids, b.sample_ids)
        and torch.equal(a.labels, b.labels)
        and torch.equal(a.views, b.views)  # type: ignore[arg-type]
        for a, b in zip(one, two, strict=True)
    )


def test_a_batch_has_pictures_ids_and_labels(store: PackedStore) -> None:
    batch = _epoch(store)[0]
    assert batch.images.shape == (4, 3, 44, 44)
    assert batch.images.dtype == torch.uint8
    assert batch.labels is not None
    assert torch.equal(batch.labels, batch.sample_ids % 4)


def test_an_epoch_shows_each_picture_once_in_a_new_order(store: PackedStore) -> None:
    orders = [
        torch.cat([batch.sample_ids for batch in _epoch(store, epoch, drop_last=False)])
        for epoch in (0, 1)
    ]
    for order in orders:
        assert sorted(order.tolist()) == list(range(26))
    assert not torch.equal(orders[0], orders[1])


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_anything(store: PackedStore, workers: int) -> None:
    loader = build_loader(store, AUGMENT, LoaderSettings(batch_size=4, seed=0, workers=workers))
    for epoch in (0, 3):
        loader.set_epoch(epoch)
        assert _same(list(loader), _epoch(store, epoch))


@pytest.mark.parametrize("start", [0, 1, 4, 6])
def test_beginning_inside_an_epoch_gives_the_rest_of_it(store: PackedStore, start: int) -> None:
    assert _same(_epoch(store, 2, start), _epoch(store, 2)[start:])


def test_an_iteration_keeps_the_epoch_it_was_made_in(store: PackedStore) -> None:
    loader = build_loader(store, AUGMENT, LoaderSettings(batch_size=4, seed=0))
    batches = iter(loader)
    loader.set_epoch(1)
    assert _same(list(batches), _epoch(store, 0))


def test_only_one_iteration_begins_late(store: PackedStore) -> None:
    loader = build_loader(store, AUGMENT, LoaderSettings(batch_size=4, seed=0))
    loader.start_at(4)
    assert len(loader) == 6
    assert len(list(loader)) == 2
    assert len(list(loader)) == 6


@pytest.mark.parametrize("drop_last", [True, False])
def test_two_ranks_together_see_the_batch_of_one(store: PackedStore, drop_last: bool) -> None:
    single = _epoch(store, 1, batch_size=8, drop_last=drop_last)
    ranks = [
        _epoch(store, 1, batch_size=4, rank=rank, world_size=2, drop_last=drop_last)
        for rank in (0, 1)
    ]
    together = [
        Batch(
            *(torch.cat([a, b]) for a, b in zip(one[:3], two[:3], strict=True)),
            {},
            torch.cat([one.views, two.views]),
        )  # type: ignore[arg-type, type-var]
        for one, two in zip(*ranks, strict=True)
    ]
    assert _same(together, single)


def test_ranks_get_equal_shares_of_a_last_batch_that_does_not_divide(store: PackedStore) -> None:
    last = [
        _epoch(store, batch_size=5, rank=rank, world_size=3, drop_last=False)[-1].sample_ids
        for rank in range(3)
    ]
    assert [len(ids) for ids in last] == [4, 4, 4]
    assert len(set(torch.cat(last).tolist())) >= 11


def test_tiny_pictures_take_the_batched_path_and_resume_too() -> None:
    tiny = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    store = pack(open_source(tiny), short_side=32)
    augment = Augment(size=(32, 32))
    whole = _epoch(store, augment=augment)
    rest = _epoch(store, start=2, augment=augment)
    assert all(torch.equal(a.images, b.images) for a, b in zip(whole[2:], rest, strict=True))
    assert whole[0].labels is None


def test_the_evaluation_view_in_order_gives_the_pictures_themselves(store: PackedStore) -> None:
    batches = _epoch(store, augment=evaluation_view((48, 48)), shuffle=False, drop_last=False)
    images = torch.cat([batch.images for batch in batches])
    assert torch.equal(images, store.images(torch.arange(26)).permute(0, 3, 1, 2))


def test_a_batch_larger_than_the_data_is_refused(store: PackedStore) -> None:
    with pytest.raises(
        MaskwrightError,
        match=r"batch of 64 is larger than the data \(26 pictures\); use at most 26",
    ):
        build_loader(store, AUGMENT, LoaderSettings(batch_size=64, seed=0))


def test_beginning_after_the_end_is_refused(store: PackedStore) -> None:
    with pytest.raises(MaskwrightError, match="An epoch has 6 batches; cannot begin after 7"):
        build_loader(store, AUGMENT, LoaderSettings(batch_size=4, seed=0)).start_at(7)


def test_an_error_while_preparing_reaches_the_consumer(
    store: PackedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no picture")

    monkeypatch.setattr(PackedStore, "image", broken)
    with pytest.raises(RuntimeError, match="no picture"):
        _epoch(store)


def test_loading_leaves_the_global_random_state_alone(store: PackedStore) -> None:
    before = torch.get_rng_state()
    _epoch(store)
    assert torch.equal(torch.get_rng_state(), before)


def test_workers_are_chosen_by_where_training_runs() -> None:
    assert pick_workers("cpu", 16) == 0
    assert pick_workers("cuda", 8) == 7
    assert pick_workers("cuda", 64) == 12
    assert pick_workers("cuda", 8, local_ranks=4) == 1
