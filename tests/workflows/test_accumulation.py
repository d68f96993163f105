"""Accumulated batches are one larger batch, also where an epoch leaves fewer of them; and each is
charged what it costs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import maskwright
from maskwright.models.cost import count_step
from maskwright.workflows.building.model_shape import model_config
from tests.workflows.conftest import SMALL

# The weights never move, so that steps of different runs can be compared.
STILL: dict[str, Any] = {
    **SMALL,
    "val": "0.2",
    "lr": 0.0,
    "min_lr": 0.0,
    "clip": 0.0,
    "crop": "center",
    "flip": False,
    "epochs": 1,
}


def norms(photos: Path, out: Path, **options: Any) -> list[float]:
    run = maskwright.pretrain(photos, out=out, **{**STILL, **options})
    return [row["grad_norm"] for row in run.metrics if "grad_norm" in row]


def test_the_last_shorter_accumulation_of_an_epoch_is_a_whole_step(
    photos: Path, tmp_path: Path
) -> None:
    """Four batches: three and one, and where nine are asked for all four."""
    single = norms(photos, tmp_path / "single")
    uneven = norms(photos, tmp_path / "uneven", accumulate=3)
    assert (len(single), len(uneven)) == (4, 2)
    assert uneven[1] == pytest.approx(single[3], rel=1e-4)
    (large,) = norms(photos, tmp_path / "large", batch_size=32)
    (beyond,) = norms(photos, tmp_path / "beyond", accumulate=9)
    assert beyond == pytest.approx(large, rel=1e-4)


@pytest.mark.parametrize("decoder", ["full", "cross"])
def test_a_moving_ratio_is_charged_step_by_step(photos: Path, tmp_path: Path, decoder: str) -> None:
    """The cost of the mean number of patches would be less: attention grows with the square."""
    run = maskwright.pretrain(
        photos,
        out=tmp_path / "run",
        **{**STILL, "epochs": 3, "ratio": "uniform(0.1, 0.9)", "decoder": decoder},
    )
    config = model_config(run.settings)
    visible = [row["num_visible"] for row in run.metrics if "num_visible" in row]
    assert len(visible) == 12
    expected = sum(8 * count_step(config, count, 16 - count).training for count in visible)
    assert run.status["training_flops"] == expected
