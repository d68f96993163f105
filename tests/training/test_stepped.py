"""What an optimizer step does with its gradients, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from maskwright.patches.mask import NotAScore
from maskwright.training.clock import Clock
from maskwright.training.group import Group
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.stepped import NonFiniteLoss, SteppedModule

GRADIENT = torch.tensor([3.0, 4.0])  # of norm 5


class Plain(SteppedModule):
    """Two weights, and a record of what was said after each step."""

    def __init__(self, clip: float) -> None:
        super().__init__(Clock(10), LearningRate(0.1), clip, {"images": 0}, {})
        self.weight = nn.Parameter(torch.ones(2))
        self.latest = {"loss": torch.tensor(1.0)}
        self.heard: list[bool] = []

    def after_step(self, is_good: bool) -> None:
        self.heard.append(is_good)


Build = Callable[..., tuple[Plain, torch.optim.Optimizer]]


def build(clip: float = 1.0) -> tuple[Plain, Any]:
    module = Plain(clip)
    module.trainer = SimpleNamespace(  # type: ignore[assignment]
        num_training_batches=4, global_step=7, current_epoch=0
    )
    return module, torch.optim.SGD([module.weight], 0.1)


def finish(module: Plain, optimizer: Any, gradient: Tensor = GRADIENT) -> Tensor | None:
    if not module.losses:
        module.losses = [torch.tensor(1.0)]
    module.weight.grad = gradient.clone()
    module.judge_step(optimizer, None)
    return module.weight.grad


@pytest.mark.parametrize(("clip", "length"), [(1.0, 1.0), (2.5, 2.5), (5.5, 5.0), (0.0, 5.0)])
def test_a_gradient_longer_than_the_limit_is_cut_to_it_and_keeps_its_direction(
    clip: float, length: float
) -> None:
    module, optimizer = build(clip)
    gradient = finish(module, optimizer)
    assert gradient is not None
    assert torch.allclose(gradient, GRADIENT / 5 * length, rtol=1e-5)
    assert float(module.latest["grad_norm"]) == pytest.approx(5)
    assert module.heard == [True]


def test_three_bad_steps_in_a_row_stop_and_a_good_one_between_counts_anew() -> None:
    module, optimizer = build()
    bad = torch.tensor([torch.nan, 1.0])
    for gradient in (bad, bad, GRADIENT, bad, bad):
        assert (finish(module, optimizer, gradient) is None) == (gradient is bad)
    assert module.heard == [False, False, True, False, False]
    assert module.counts["skipped_steps"] == 4
    with pytest.raises(NonFiniteLoss, match="step 7"):
        finish(module, optimizer, bad)


@pytest.mark.parametrize("place", [0, 1])
def test_a_loss_of_any_batch_that_is_not_finite_drops_a_finite_gradient(place: int) -> None:
    module, optimizer = build()
    module.losses = [torch.tensor(torch.inf if batch == place else 1.0) for batch in range(2)]
    assert finish(module, optimizer) is None
    assert finish(module, optimizer) is not None  # the next step begins anew


def test_scores_that_were_none_are_told_at_the_end_of_the_step() -> None:
    module, optimizer = build()
    module.checks = [torch.tensor(True), torch.tensor(True)]
    assert finish(module, optimizer) is not None
    assert module.checks == []
    module.checks = [torch.tensor(True), torch.tensor(False)]
    with pytest.raises(NotAScore):
        finish(module, optimizer)


def test_counts_of_pictures_are_of_all_processes_and_counts_of_steps_are_not() -> None:
    module, optimizer = build()
    module.counts["images"] = 8
    finish(module, optimizer, torch.full((2,), torch.nan))
    module.begin(Group(0, 3, 0))
    assert module.totals() == {"images": 24, "skipped_steps": 1, "overflowed_steps": 0}


def test_a_run_that_is_only_recalled_knows_how_many_processes_counted() -> None:
    module, _ = build()
    module.counts["images"] = 8
    module.begin(Group(0, 3, 0))
    kept: dict[str, Any] = {}
    module.on_save_checkpoint(kept)
    again = Plain(1.0)
    again.on_load_checkpoint(kept)
    assert again.totals()["images"] == 24


def test_a_checkpoint_that_counted_less_is_taken_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    module = Plain(1.0)
    saved = {"progress": {"images": 5, "skipped_steps": 2, "seconds": 1.0, "bad_in_a_row": 0}}
    module.on_load_checkpoint(saved)
    assert module.counts == {"images": 5, "skipped_steps": 2, "overflowed_steps": 0}
    assert "did not count overflowed_steps" in caplog.text


def test_groups_learn_at_their_share_of_the_rate() -> None:
    groups: list[dict[str, Any]] = [{"lr": 0.0, "lr_scale": 0.25}, {"lr": 0.0}]
    clock, rate = Clock(total_steps=10), LearningRate(peak=8.0, warmup=0.5)
    module = SteppedModule(clock, rate, 0.0, {}, {})
    module.trainer = SimpleNamespace(global_step=2)  # type: ignore[assignment]
    module.set_rate(SimpleNamespace(param_groups=groups))  # type: ignore[arg-type]
    # the middle of the third of ten steps, half way up a warm-up of five
    assert [group["lr"] for group in groups] == [1.0, 4.0]
