"""What every training does before a step: each group of weights gets its own share of the rate of
this moment.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from maskwright.training.clock import Clock
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.stepped import SteppedModule


def test_groups_learn_at_their_share_of_the_rate() -> None:
    groups: list[dict[str, Any]] = [{"lr": 0.0, "lr_scale": 0.25}, {"lr": 0.0}]
    clock, rate = Clock(total_steps=10), LearningRate(peak=8.0, warmup=0.5)
    module = SteppedModule(clock, rate, 0.0, {}, {})
    module.trainer = SimpleNamespace(global_step=2)  # type: ignore[assignment]
    module.set_rate(SimpleNamespace(param_groups=groups))  # type: ignore[arg-type]
    # the middle of the third of ten steps, half way up a warm-up of five
    assert [group["lr"] for group in groups] == [1.0, 4.0]
