"""Streams depend on what they are for alone, and their numbers are spread as they should be."""

from __future__ import annotations

import pytest
import torch

from maskwright.support.seeding import (
    KeyedRng,
    derive_seed,
    integer_device,
    sample_rng,
    torch_generator,
)


def draw(
    seed: int = 0, epoch: int = 0, ids: object = range(4), purpose: str = "mask"
) -> torch.Tensor:
    return sample_rng(seed, epoch, torch.tensor(list(ids)), purpose).bits(8)


def test_a_seed_is_the_same_on_every_machine() -> None:
    assert derive_seed(0, "weights") == 7388263408636359099
    assert draw(ids=[5])[0, :2].tolist() == [-5659030299213434469, -7122612347806278079]


def test_names_make_different_seeds() -> None:
    assert (
        len(
            {
                derive_seed(0),
                derive_seed(1),
                derive_seed(0, "a"),
                derive_seed(0, "a", "b"),
                derive_seed(0, "b", "a"),
            }
        )
        == 5
    )


def test_a_named_generator_repeats_itself() -> None:
    first, second = (torch.rand(4, generator=torch_generator(0, "weights")) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.rand(4, generator=torch_generator(0, "order")))


def test_a_sample_has_its_stream_in_every_batch() -> None:
    assert torch.equal(draw(ids=[7, 3])[1], draw(ids=[3, 9, 7])[0])


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"epoch": 1}, {"purpose": "crop"}, {"ids": range(4, 8)}]
)
def test_seed_epoch_purpose_and_sample_each_change_the_stream(other) -> None:
    assert not bool((draw() == draw(**other)).any())


def test_no_two_streams_of_many_meet() -> None:
    keys = torch.cat(
        [draw(seed, epoch, range(500)).flatten() for seed in range(3) for epoch in range(3)]
    )
    assert len(keys.unique()) == len(keys)


def test_later_draws_go_on_where_earlier_ones_ended() -> None:
    rng = sample_rng(0, 0, torch.arange(2))
    assert torch.equal(
        torch.cat([rng.bits(3), rng.bits(2, 1)[:, :, 0]], dim=1),
        sample_rng(0, 0, torch.arange(2)).bits(5),
    )


def test_a_fork_does_not_move_with_the_draws_of_its_parent() -> None:
    used, fresh = (sample_rng(0, 0, torch.arange(3)) for _ in range(2))
    used.bits(10)
    assert torch.equal(used.fork("a").bits(4), fresh.fork("a").bits(4))


def test_forks_differ_by_name_order_and_depth() -> None:
    rng = sample_rng(0, 0, torch.arange(3))
    forks = [
        rng,
        rng.fork("a"),
        rng.fork("b"),
        rng.fork("a").fork("b"),
        rng.fork("b").fork("a"),
        rng.fork("a").fork("a"),
    ]
    bits = torch.stack([fork.bits(50) for fork in forks])
    assert len(bits.unique()) == bits.numel()


def test_forks_are_uncorrelated() -> None:
    rng = sample_rng(0, 0, torch.arange(50))
    numbers = torch.stack(
        [
            fork.uniform(400).flatten()
            for fork in (rng.fork("a"), rng.fork("b"), rng.fork("a").fork("b"))
        ]
    )
    assert float((torch.corrcoef(numbers) - torch.eye(3)).abs().max()) < 0.03


def test_neighboring_samples_and_epochs_are_uncorrelated() -> None:
    first, second = (sample_rng(0, epoch, torch.arange(300)).uniform(100) for epoch in (0, 1))
    for one, other in ((first[:-1], first[1:]), (first, second), (first[:, :-1], first[:, 1:])):
        assert (
            abs(float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])) < 0.025
        )


def test_every_bit_is_set_half_the_time() -> None:
    bits = sample_rng(0, 0, torch.arange(200)).bits(100)
    shares = torch.stack([((bits >> place) & 1).double().mean() for place in range(64)])
    assert float((shares - 0.5).abs().max()) < 0.02


def test_uniform_numbers_fill_the_unit_interval() -> None:
    numbers = sample_rng(0, 0, torch.arange(200)).uniform(10, 10)
    assert numbers.shape == (200, 10, 10)
    assert 0 <= float(numbers.min()) < 0.001 < 0.999 < float(numbers.max()) < 1
    assert torch.histc(numbers, 10, 0, 1).div(20_000).tolist() == pytest.approx(
        [0.1] * 10, abs=0.01
    )


def test_integers_cover_their_range_and_no_more() -> None:
    counts = (sample_rng(0, 0, torch.arange(100)).integers(-2, 3, 100) + 2).flatten().bincount()
    assert counts.div(10_000).tolist() == pytest.approx([0.2] * 5, abs=0.015)


def test_normal_and_gumbel_numbers_have_their_moments() -> None:
    rng = sample_rng(0, 0, torch.arange(200))
    normal, gumbel = rng.normal(200), rng.gumbel(200)
    assert (float(normal.mean()), float(normal.std())) == pytest.approx((0, 1), abs=0.02)
    assert (float(gumbel.mean()), float(gumbel.var())) == pytest.approx((0.5772, 1.6449), abs=0.05)
    assert bool(torch.isfinite(normal).all() and torch.isfinite(gumbel).all())


def test_no_global_generator_is_touched() -> None:
    before = torch.get_rng_state()
    sample_rng(0, 0, torch.arange(4)).normal(8)
    torch_generator(3, "x")
    assert torch.equal(before, torch.get_rng_state())


def test_integers_are_computed_on_the_cpu_where_the_device_is_not_trusted_with_them() -> None:
    assert integer_device(torch.device("mps")).type == "cpu"
    assert integer_device(torch.device("cuda:1")) == torch.device("cuda:1")
    keys = torch.arange(3)
    elsewhere = KeyedRng(keys, torch.device("meta"))
    assert elsewhere.bits(2).device.type == "meta"
    assert elsewhere.fork("a").device.type == elsewhere.device.type == "meta"
    here = KeyedRng(keys)
    assert here.device.type == "cpu"
    assert here.bits(2).device.type == "cpu"
