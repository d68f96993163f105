"""The uniformity term: known values on the sphere, and two processes that agree with one."""

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.losses.predictions import draw, measure

from maskwright.losses.uniformity import Uniformity, log_mean_potential
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


def with_latent(latent, num_prefix=0):
    return dataclasses.replace(
        draw(batch=len(latent)), latent=latent, num_prefix=num_prefix, num_class=int(num_prefix > 0)
    )


def test_equal_embeddings_cost_zero_and_opposite_ones_the_most_negative():
    same = torch.ones(3, 2, 4, dtype=torch.float64) * torch.tensor([1.0, 5.0, 0.1])[:, None, None]
    assert measure("uniformity", with_latent(same)).item() == pytest.approx(0, abs=1e-12)
    opposite = torch.stack([torch.ones(2, 4), -3 * torch.ones(2, 4)]).double()
    assert measure("uniformity(t=2)", with_latent(opposite)).item() == pytest.approx(-2 * 4)


def test_orthogonal_embeddings_are_a_squared_distance_of_two_apart():
    assert log_mean_potential(torch.eye(4, dtype=torch.float64), 3.0).item() == pytest.approx(-6)


def test_the_value_is_the_log_mean_over_pairs_of_different_images_written_out():
    latent = torch.randn(5, 3, 6, dtype=torch.float64, generator=torch_generator(0))
    points = torch.nn.functional.normalize(latent.mean(1), dim=1)
    pairs = [
        math.exp(-1.5 * (points[i] - points[j]).square().sum().item())
        for i in range(5)
        for j in range(5)
        if i != j
    ]
    assert measure("uniformity(t=1.5)", with_latent(latent)).item() == pytest.approx(
        math.log(sum(pairs) / 20)
    )


def test_the_class_token_is_used_when_asked_and_prefix_tokens_stay_out_of_the_mean():
    latent = torch.randn(3, 4, 6, dtype=torch.float64, generator=torch_generator(1))
    assert torch.equal(
        measure("uniformity(of='class')", with_latent(latent, 1)),
        measure("uniformity", with_latent(latent[:, :1])),
    )
    assert torch.equal(
        measure("uniformity", with_latent(latent, 1)),
        measure("uniformity", with_latent(latent[:, 1:])),
    )
    with pytest.raises(MaskwrightError, match="class token"):
        measure("uniformity(of='class')", with_latent(latent))


def test_mixed_precision_does_not_coarsen_the_distances():
    latent = torch.randn(8, 3, 6, generator=torch_generator(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = measure("uniformity", with_latent(latent))
    assert torch.equal(mixed, measure("uniformity", with_latent(latent)))


def test_a_single_image_has_no_pairs():
    assert measure("uniformity", with_latent(torch.ones(1, 2, 4))).item() == 0


PROGRAM = """
import os, sys, torch, torch.distributed as distributed
from tests.losses.test_uniformity import measure_share
torch.set_num_threads(1)
rank, world, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
meet = f"file://{folder}/meet"
distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=world)
measure_share(rank, world, folder)
distributed.destroy_process_group()
sys.stdout.flush(), sys.stderr.flush()
# What counts is saved; torch's gloo threads now and then abort an interpreter that ends normally.
os._exit(0)
"""


def measure_share(rank, world, folder):
    """Value and gradients that one process has of its part of the batch, put into a file."""
    layer = torch.nn.Linear(6, 5).double()
    rng = torch_generator(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    latent = torch.randn(8, 3, 6, generator=rng, dtype=torch.float64)
    outer = layer if world == 1 else torch.nn.parallel.DistributedDataParallel(layer)
    own = latent[rank * 8 // world : (rank + 1) * 8 // world]
    prediction = dataclasses.replace(draw(batch=len(own)), latent=outer(own), num_prefix=0)
    value = Uniformity()(prediction, prediction.patches)
    value.backward()
    # only the first process measures, as it does for held-out pictures: nothing may wait for the
    # other
    if rank == 0:
        with torch.no_grad():
            Uniformity()(prediction, prediction.patches)
    torch.save([value.detach(), layer.weight.grad, layer.bias.grad], f"{folder}/{world}-{rank}.pt")


def test_two_processes_have_the_value_and_gradients_of_one_with_the_whole_batch(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}",
        "OMP_NUM_THREADS": "1",
    }
    started = [
        subprocess.Popen(
            [sys.executable, tmp_path / "program.py", str(rank), "2", str(tmp_path)],
            env=environment,
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    measure_share(0, 1, tmp_path)
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()[-3000:]
    whole = torch.load(tmp_path / "1-0.pt")
    assert whole[1].abs().max() > 1e-3
    for rank in (0, 1):
        for ours, expected in zip(torch.load(tmp_path / f"2-{rank}.pt"), whole, strict=True):
            assert torch.allclose(ours, expected, rtol=1e-10, atol=1e-12)
