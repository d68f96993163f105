"""An order by blocks: each picture once, neighbors together, entered anywhere."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
import torch

from maskwright.data.block_order import BlockOrder
from maskwright.data.epoch_order import EpochOrder, OrderSettings
from maskwright.data.sampling import BlockSampling, parse_sampling
from maskwright.support.errors import MaskwrightError

SAMPLING = BlockSampling(size=10, buffer=3)


def whole(length: int, sampling: BlockSampling = SAMPLING, epoch: int = 0) -> list[int]:
    ids: list[int] = BlockOrder(length, sampling, seed=0, epoch=epoch)[:].tolist()
    return ids


@pytest.mark.parametrize("length", [1, 9, 10, 95, 100, 301])
def test_each_picture_comes_once(length: int) -> None:
    assert sorted(whole(length)) == list(range(length))


def test_a_group_takes_whole_blocks_and_mixes_them() -> None:
    order = whole(300)
    for start in range(0, 300, 30):
        group = order[start : start + 30]
        blocks = sorted({picture // 10 for picture in group})
        assert len(blocks) == 3
        assert group != sorted(group)
    # Blocks of one group are not neighbors of each other as a rule.
    groups = [sorted({picture // 10 for picture in order[at : at + 30]}) for at in (0, 30, 60)]
    assert any(blocks[2] - blocks[0] > 2 for blocks in groups)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    assert whole(100, epoch=0) != whole(100, epoch=1)
    other = BlockOrder(100, SAMPLING, seed=1, epoch=0)[:].tolist()
    assert whole(100) != other
    assert whole(100) == whole(100)


def test_any_slice_is_that_of_the_whole() -> None:
    order = BlockOrder(95, SAMPLING, seed=0, epoch=0)
    expected = whole(95)
    for start in range(0, 95, 7):
        for stop in (start, start + 1, start + 29, start + 64, 200):
            assert order[start:stop].tolist() == expected[start:stop]


def test_memory_does_not_grow_with_the_pictures() -> None:
    order = BlockOrder(10**10, BlockSampling(size=10**6, buffer=1), seed=0, epoch=0)
    ids = order[5 * 10**9 : 5 * 10**9 + 64]
    assert len(ids.unique()) == 64
    assert int(ids.max()) // 10**6 == int(ids.min()) // 10**6


def batches(world_size: int, start: int = 0, length: int = 95, **options: Any) -> list[list[int]]:
    ranks = []
    for rank in range(world_size):
        settings = OrderSettings(
            batch_size=12 // world_size,
            seed=0,
            blocks=SAMPLING,
            rank=rank,
            world_size=world_size,
            **options,
        )
        order = EpochOrder(length, settings)
        order.start_at(start)
        ranks.append([plan.ids.tolist() for plan in order])
    return [list(chain(*parts)) for parts in zip(*ranks, strict=True)]


def test_a_batch_holds_the_same_for_any_number_of_ranks_and_after_a_stop() -> None:
    assert batches(1) == batches(2) == batches(3)
    assert batches(2, start=4) == batches(1)[4:]


def test_a_last_batch_is_filled_for_all_ranks() -> None:
    last = batches(3, length=97, drop_last=False)[-1]
    assert last == [*whole(97)[96:], *whole(97)[:2]]
    assert batches(3, length=1, drop_last=False) == [[0, 0, 0]]


def test_words() -> None:
    assert parse_sampling("blocks") == BlockSampling()
    assert parse_sampling("blocks(size=1000, buffer=4)") == BlockSampling(size=1000, buffer=4)
    with pytest.raises(MaskwrightError, match="Did you mean 'blocks'"):
        parse_sampling("block")
    with pytest.raises(MaskwrightError, match="with options size, buffer"):
        parse_sampling("blocks(sise=3)")
    with pytest.raises(MaskwrightError, match="without options"):
        parse_sampling("uniform(size=3)")
    for wrong in ("blocks(size=0)", "blocks(buffer=0.5)", "blocks(size='many')"):
        with pytest.raises(MaskwrightError, match="Sampling by blocks"):
            parse_sampling(wrong)


def test_a_training_order_needs_no_losses() -> None:
    order = EpochOrder(30, OrderSettings(batch_size=10, seed=0, blocks=BlockSampling(size=5)))
    assert torch.cat([plan.ids for plan in order]).sort().values.tolist() == list(range(30))
