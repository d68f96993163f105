"""Losses that compare pictures: processes that share a batch agree with one that has it all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import Tensor

from maskwright.losses.uniformity import Uniformity, log_mean_potential
from maskwright.masking.learned import mean_similarity
from maskwright.support.seeding import torch_generator
from maskwright.support.whole_batch import own_gradient
from maskwright.training.group import Group
from tests.losses.predictions import draw
from tests.warm_start import run_ranks

COUNT = 8


def layer_and_rows() -> tuple[torch.nn.Linear, Tensor]:
    """A layer and the (8, 3, 6) rows that go through it, the same everywhere."""
    layer = torch.nn.Linear(6, 5).double()
    rng = torch_generator(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return layer, torch.randn(COUNT, 3, 6, generator=rng, dtype=torch.float64)


def compare(rows: Tensor) -> Tensor:
    """A loss in which every pair of rows takes part."""
    unit = torch.nn.functional.normalize(rows, dim=1)
    return mean_similarity(torch.sigmoid(rows)) + log_mean_potential(unit, 2.0)


def test_shares_of_the_gradient_average_to_that_of_the_whole_batch() -> None:
    layer, rows = layer_and_rows()
    compare(layer(rows).mean(1)).backward()
    wanted = layer.weight.grad.clone()
    for processes in (1, 2, 4):
        total = torch.zeros_like(wanted)
        for rank in range(processes):
            own = rows.chunk(processes)[rank]
            # What arrives from the others has no gradient: a leaf stands for all rows.
            every = layer(rows).mean(1).detach().requires_grad_()
            compare(every).backward()
            layer.zero_grad()
            layer(own).mean(1).backward(own_gradient(every.grad, rank, processes))
            total += layer.weight.grad
        assert torch.allclose(total / processes, wanted, rtol=1e-10, atol=1e-12)


def test_a_process_alone_has_its_own_rows() -> None:
    rows = torch.ones(2, 3, requires_grad=True)
    assert draw(batch=2).join(rows) is rows
    assert Group().join_rows(rows) is rows


def measure_share(rank: int, world: int, folder: Path | str) -> None:
    """Values and gradients that one process has of its part of the batch, put into a file."""
    layer, rows = layer_and_rows()
    outer = layer if world == 1 else torch.nn.parallel.DistributedDataParallel(layer)
    own = rows[rank * COUNT // world : (rank + 1) * COUNT // world]
    latent = outer(own)
    join = Group(rank, world).join_rows
    alone = dataclasses.replace(draw(batch=len(own)), latent=latent, num_prefix=0)
    prediction = dataclasses.replace(alone, gather=join)
    uniformity = Uniformity()(prediction, prediction.patches)
    likeness = mean_similarity(join(torch.sigmoid(latent.mean(1))))
    (uniformity + likeness).backward()
    # only the first process measures, as it does for held-out pictures: nothing may wait for the
    # other
    if rank == 0:
        Uniformity()(alone, alone.patches)
    found = [uniformity.detach(), likeness.detach(), layer.weight.grad, layer.bias.grad]
    torch.save(found, f"{folder}/{world}-{rank}.pt")


def share_batch(folder: str) -> None:
    """What each of several processes does."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    measure_share(distributed.get_rank(), distributed.get_world_size(), folder)
    distributed.destroy_process_group()


def test_two_processes_have_the_values_and_gradients_of_one_with_the_whole_batch(
    tmp_path: Path,
) -> None:
    run_ranks(2, share_batch, str(tmp_path), folder=tmp_path)
    measure_share(0, 1, tmp_path)
    whole = torch.load(tmp_path / "1-0.pt")
    assert whole[2].abs().max() > 1e-3
    for rank in (0, 1):
        for ours, expected in zip(torch.load(tmp_path / f"2-{rank}.pt"), whole, strict=True):
            assert torch.allclose(ours, expected, rtol=1e-10, atol=1e-12)
