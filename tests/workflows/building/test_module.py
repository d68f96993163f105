"""What a training is made of, and which parts of it do not go together."""

from __future__ import annotations

from typing import Any

import pytest
from tests.workflows.conftest import SMALL

from maskwright.patches import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.training.clock import Clock
from maskwright.workflows.building.module import build_module
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


def build(**changes: Any) -> None:
    values = {"data": "photos", **SMALL, "steps": 10, "lr": 1e-3, **changes}
    settings = PretrainSettings.from_flat(values)
    build_module(settings, PixelScale((0.5,) * 3, (0.2,) * 3), Clock(10), {}, num_pictures=8)


@pytest.mark.parametrize("policy", ["hard", "adversarial", "0.5*random + 0.5*adversarial"])
def test_what_looks_at_the_pictures_of_all_processes_needs_one_ratio_for_a_batch(
    policy: str,
) -> None:
    """Elsewhere processes have other numbers of parts, and would wait for each other for ever."""
    by_picture = {"policy": policy, "ratio": "uniform(0.5, 0.9, per=picture)"}
    with pytest.raises(MaskwrightError, match="use one process, or uniform"):
        build(**by_picture, devices=2)
    build(**by_picture)
    build(policy=policy, ratio="uniform(0.5, 0.9)", devices=2)
    build(**by_picture | {"policy": "adversarial(diversity_guard=0)"}, devices=2)
