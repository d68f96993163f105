"""Muon in one batch per shape is torch.optim.Muon matrix by matrix, and AdamW for all that is no
matrix of a block.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.training.muon import Muon, build_muon
from maskwright.training.optimizers import OPTIMIZERS, find_optimizer
from maskwright.training.orthogonal import orthogonalize

SHAPES = ((12, 12), (24, 12), (12, 24), (12, 12), (8, 20))


def plain_iteration(
    gradient: torch.Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> torch.Tensor:
    """torch.optim.Muon's iteration on one matrix, in the type of the gradient where torch always
    takes bfloat16.
    """
    linear, cubic, quintic = coefficients
    found = gradient.T if gradient.shape[0] > gradient.shape[1] else gradient
    found = found / found.norm().clamp(min=eps)
    for _ in range(steps):
        gram = found @ found.T
        found = linear * found + (cubic * gram + quintic * gram @ gram) @ found
    return found.T if gradient.shape[0] > gradient.shape[1] else found


def draw(shapes: Any, *stream: object, dtype: torch.dtype = torch.float32) -> list[nn.Parameter]:
    rng = torch_generator(0, *stream)
    return [nn.Parameter(torch.randn(shape, generator=rng).to(dtype)) for shape in shapes]


def walk(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], steps: int) -> None:
    rng = torch_generator(0, "gradients")
    for _ in range(steps):
        for parameter in parameters:
            drawn = torch.randn(parameter.shape, generator=rng)
            parameter.grad = drawn.to(parameter.dtype)
        optimizer.step()


def torch_muon(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Muon(
        parameters, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw", momentum=0.95
    )


def our_muon(parameters: list[nn.Parameter], dtype: torch.dtype, parts: int = 1) -> Muon:
    group = {"params": parameters, "lr": 0.02, "weight_decay": 0.1, "parts": parts}
    return Muon([group], dtype=dtype)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
def test_it_is_torch_muon_up_to_rounding(
    monkeypatch: pytest.MonkeyPatch, kind: torch.dtype
) -> None:
    monkeypatch.setattr("torch.optim._muon._zeropower_via_newtonschulz", plain_iteration)
    ours, theirs = (draw(SHAPES, "weights", dtype=kind) for _ in range(2))
    walk(our_muon(ours, kind), ours, 5)
    walk(torch_muon(theirs), theirs, 5)
    # five steps of an iteration whose slope at 0 is 3.4445 grow rounding by up to 3.4445**5 = 485
    tolerance = {torch.float32: 2e-5, torch.float64: 1e-12}[kind]
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=tolerance, rtol=0)


def test_in_bfloat16_it_is_torch_muon_within_bfloat16() -> None:
    ours, theirs = (draw(SHAPES, "weights") for _ in range(2))
    before = [parameter.detach().clone() for parameter in ours]
    walk(our_muon(ours, torch.bfloat16), ours, 1)
    walk(torch_muon(theirs), theirs, 1)
    for one, other, start in zip(ours, theirs, before, strict=True):
        moved = (other - start).norm()
        assert (one - other).norm() < 0.03 * moved


def test_packed_projections_are_made_orthogonal_one_by_one() -> None:
    (packed,) = draw([(36, 12)], "packed")
    apart = [nn.Parameter(part.detach().clone()) for part in packed.chunk(3)]
    gradient = torch.randn(36, 12, generator=torch_generator(0, "gradient"))
    packed.grad = gradient
    for parameter, part in zip(apart, gradient.chunk(3), strict=True):
        parameter.grad = part.clone()
    our_muon([packed], torch.float32, parts=3).step()
    our_muon(apart, torch.float32).step()
    assert torch.allclose(packed, torch.cat(apart), atol=1e-6)


def test_singular_values_end_near_one_and_vectors_stay() -> None:
    """The coefficients leave singular values between 0.68 and 1.21 (Jordan et al. 2024); those far
    below the largest rise too.
    """
    matrices = torch.randn(4, 16, 48, generator=torch_generator(0, "matrices"))
    values = torch.linalg.svdvals(orthogonalize(matrices))
    assert values.min() > 0.6
    assert values.max() < 1.25
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    turned = left.transpose(1, 2) @ orthogonalize(matrices) @ right.transpose(1, 2)
    off = turned - torch.diag_embed(turned.diagonal(dim1=1, dim2=2))
    assert off.abs().max() < 1e-4


def small_model() -> MaskedAutoencoder:
    config = ModelConfig(
        image_size=(16, 16),
        patch_size=4,
        width=24,
        depth=2,
        heads=2,
        decoder="cross",
        decoder_width=16,
        decoder_depth=1,
        decoder_heads=2,
    )
    return MaskedAutoencoder(config, torch_generator(0))


def test_matrices_of_blocks_are_its_own_and_the_rest_is_adamw() -> None:
    model = small_model()
    policy = nn.ModuleList([nn.ModuleDict({"blocks": nn.ModuleList([nn.Linear(4, 4)])})])
    optimizer = build_muon(model, policy, weight_decay=0.1, beta2=0.95)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    by_parts: dict[int, set[str]] = {}
    for group in optimizer.param_groups:
        own = {names[id(parameter)] for parameter in group["params"] if id(parameter) in names}
        by_parts.setdefault(group["parts"], set()).update(own)
    assert by_parts[3] == {f"encoder.blocks.{place}.attn.qkv.weight" for place in (0, 1)}
    assert by_parts[2] == {"decoder.blocks.0.attn.kv.weight"}
    assert {name.rpartition(".blocks.")[2] for name in by_parts[1]} == {
        *(f"{place}.{part}.weight" for place in (0, 1) for part in ("attn.proj", "mlp.fc1")),
        *(f"{place}.mlp.fc2.weight" for place in (0, 1)),
        "0.attn.q.weight",
    }
    spared = {name for name in by_parts[0] if name.endswith(("embed.weight", "pred.weight"))}
    assert spared == {"decoder.embed.weight", "decoder.pred.weight"}
    trainable = {name for name, value in model.named_parameters() if value.requires_grad}
    assert set().union(*by_parts.values()) == trainable
    slow = [group for group in optimizer.param_groups if group["lr_scale"] < 1]
    assert sum(len(group["params"]) for group in slow) == 2
    assert all(group["parts"] == 0 for group in slow)


def test_what_is_no_matrix_moves_as_under_adamw() -> None:
    ours, theirs = (draw([(5,), (3, 4), (1, 2, 6)], "rest") for _ in range(2))
    walk(Muon([{"params": ours, "lr": 0.01, "weight_decay": 0.1}], beta2=0.9), ours, 4)
    other = torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.1, betas=(0.9, 0.9))
    walk(other, theirs, 4)
    for one, two in zip(ours, theirs, strict=True):
        assert torch.allclose(one, two, atol=1e-7)


def test_parameters_without_a_gradient_stay_and_gradients_are_left_as_they_are() -> None:
    moved, still = draw([(6, 6), (6, 6)], "some")
    start = still.detach().clone()
    gradient = torch.randn(6, 6, generator=torch_generator(0, "gradient"))
    moved.grad = gradient.clone()
    our_muon([moved, still], torch.float32).step()
    assert torch.equal(still, start)
    assert torch.equal(moved.grad, gradient)


def test_a_state_that_was_saved_and_loaded_goes_on_bit_for_bit(tmp_path: Any) -> None:
    model = small_model()
    optimizer = build_muon(model, nn.ModuleList(), weight_decay=0.1, beta2=0.95)
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    trained = [value for value in model.parameters() if value.requires_grad]
    walk(optimizer, trained, 3)
    torch.save((model.state_dict(), optimizer.state_dict()), tmp_path / "state.pt")
    other = copy.deepcopy(model)
    again = build_muon(other, nn.ModuleList(), weight_decay=0.1, beta2=0.95)
    weights, state = torch.load(tmp_path / "state.pt", weights_only=True)
    other.load_state_dict(weights)
    again.load_state_dict(state)
    walk(optimizer, trained, 2)
    walk(again, [value for value in other.parameters() if value.requires_grad], 2)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_the_rate_grows_with_the_root_of_the_batch() -> None:
    muon, adamw = OPTIMIZERS["muon"], OPTIMIZERS["adamw"]
    assert muon.rate(128) == pytest.approx(8e-3, rel=0.01)
    assert muon.rate(512) == pytest.approx(2 * muon.rate(128))
    assert adamw.rate(512, 1e-3) == pytest.approx(2e-3)
    assert muon.format_rate(128, 1e-2) == "1.0e-02 x (128 pictures / 256)^0.5 = 7.1e-03"


def test_mistakes_are_sentences() -> None:
    with pytest.raises(MaskwrightError, match=r"Did you mean 'muon'\?"):
        find_optimizer("moun")


def test_every_optimizer_of_the_catalog_builds_and_steps() -> None:
    """The conformance check that a new line of the catalog meets."""
    for entry in OPTIMIZERS.values():
        model = small_model()
        before = copy.deepcopy(model.state_dict())
        others = nn.ModuleList([nn.Linear(2, 2)])
        optimizer = entry.load()(model, others, weight_decay=0.05, beta2=0.95)
        covered = {id(p) for group in optimizer.param_groups for p in group["params"]}
        wanted = [p for p in [*model.parameters(), *others.parameters()] if p.requires_grad]
        assert covered == {id(parameter) for parameter in wanted}
        for group in optimizer.param_groups:
            group["lr"] = 1e-3
        walk(optimizer, wanted, 1)
        moved = [name for name, value in model.named_parameters() if value.requires_grad]
        assert all(not torch.equal(before[name], model.state_dict()[name]) for name in moved)
