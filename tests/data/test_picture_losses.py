"""Sampling by loss: hard pictures come more often, in an order that a checkpoint can repeat."""

from __future__ import annotations

import pytest
import torch

from maskwright.data.epoch_order import EpochOrder, OrderSettings
from maskwright.data.picture_losses import PictureLosses, weights_of
from maskwright.data.sampling import LossSampling, parse_sampling
from maskwright.support.errors import MaskwrightError
from maskwright.support.sample_ids import picture_ids

KEYS = [f"{index}.png" for index in range(40)]


def seen(sampling: LossSampling | None = None) -> PictureLosses:
    """Losses after one epoch: the first ten pictures cost four times as much as the others."""
    losses = PictureLosses(KEYS, sampling or LossSampling())
    losses.order(0, 0)
    costs = torch.where(torch.arange(40) < 10, 4.0, 1.0)
    for ids in torch.arange(40).split(8):
        losses.observe(ids, costs[ids])
    return losses


def test_before_anything_is_seen_the_order_is_that_of_a_uniform_training() -> None:
    plain = EpochOrder(40, OrderSettings(batch_size=8, seed=3))
    sampled = EpochOrder(
        40,
        OrderSettings(batch_size=8, seed=3),
        losses=PictureLosses(KEYS, LossSampling()),
    )
    pairs = zip(plain, sampled, strict=True)
    assert all(torch.equal(one.ids, other.ids) for one, other in pairs)


def test_pictures_come_as_often_as_their_weight_says_give_or_take_one() -> None:
    losses = seen()
    drawn = losses.order(0, 1)
    counts = torch.bincount(picture_ids(drawn), minlength=40).double()
    expected = weights_of(losses.sampling, losses.losses)
    assert len(drawn) == 40
    assert float((counts - expected).abs().max()) < 1
    # 0.25 alike and 0.75 by the loss: 4 / 1.75 and 1 / 1.75 of it
    assert expected[0] == pytest.approx(0.25 + 0.75 * 4 / 1.75)
    assert expected[39] == pytest.approx(0.25 + 0.75 / 1.75)
    # repetitions are samples of their own, so that their crops and masks differ
    assert len(drawn.unique()) == 40


def test_an_interrupted_epoch_goes_on_in_the_same_order_and_finds_pictures_by_name() -> None:
    losses = seen()
    whole = losses.order(0, 1)
    losses.observe(whole[:8], torch.full((8,), 9.0))
    state = losses.state()
    again = PictureLosses(KEYS, LossSampling())
    again.restore(state)
    # what was learned since the epoch began moves the next one, not this one
    assert torch.equal(again.order(0, 1), whole)
    assert torch.equal(again.losses, losses.losses)
    assert torch.equal(again.order(0, 2), losses.order(0, 2))
    backwards = PictureLosses(KEYS[::-1], LossSampling())
    backwards.restore(state)
    assert torch.equal(backwards.losses, losses.losses.flip(0))


def test_running_losses_blend_and_several_masks_of_a_picture_count_together() -> None:
    losses = PictureLosses(KEYS, LossSampling(keep=0.5))
    losses.observe(torch.tensor([3, 3, 5]), torch.tensor([1.0, 3.0, float("nan")]))
    losses.observe(torch.tensor([3]), torch.tensor([4.0]))
    found = losses.state()["losses"]
    assert found[3] == 3.0  # half of 2, half of 4
    assert found[5] == -1, "a loss that is no number is not remembered"


def test_ranks_share_global_batches() -> None:
    def ids(rank: int, ranks: int) -> list[torch.Tensor]:
        order = EpochOrder(
            40,
            OrderSettings(batch_size=8 // ranks, seed=0, rank=rank, world_size=ranks),
            losses=seen(),
        )
        order.set_epoch(1)
        return [plan.ids for plan in order]

    both = zip(ids(0, 2), ids(1, 2), strict=True)
    together = [torch.cat(pair) for pair in both]
    pairs = zip(together, ids(0, 1), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_unseen_pictures_are_drawn_like_the_hardest() -> None:
    losses = torch.tensor([2.0, -1.0, 1.0])
    weights = weights_of(LossSampling(uniform=0.0), losses)
    assert weights[1] == weights[0] > weights[2]


def test_words_for_sampling() -> None:
    assert parse_sampling("uniform") is None
    assert parse_sampling("loss(power=2)") == LossSampling(power=2)
    with pytest.raises(MaskwrightError, match="Did you mean 'loss'"):
        parse_sampling("los")
    with pytest.raises(MaskwrightError, match="with options power, uniform, keep"):
        parse_sampling("loss(powr=2)")
    with pytest.raises(MaskwrightError, match="uniform"):
        parse_sampling("loss(uniform=2)")
