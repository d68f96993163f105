"""An interruption shows nowhere: not in the rows, the counts or the statistics of the masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import maskwright
from tests.workflows.conftest import SMALL
from tests.workflows.test_pretrain import same, stop_at, weights

TINY: dict[str, Any] = {**SMALL, "val": "0.2", "epochs": 3, "lr": 1e-3}
CLOCKED = ("seconds", "images_per_s", "data_wait", "measuring")
COUNTED = (
    "step",
    "images",
    "encoder_tokens",
    "decoder_tokens",
    "teacher_tokens",
    "policy_flops",
    "model_flops",
    "training_flops",
    "skipped_steps",
    "masks",
)
WAYS: dict[str, dict[str, Any]] = {
    "uneven accumulation": {"accumulate": 3, "ratio": "0.4->0.8"},
    "streamed": {"stream": True, "ratio": "uniform(0.4, 0.8)", "accumulate": 2},
    "memory and average": {"policy": "hard(mix=0.5)", "ema": 0.9, "accumulate": 2},
    "components": {"policy": "components(share=0.6)", "accumulate": 2},
    "frequencies": {"policy": "components(dct)", "ratio": "0.4->0.8", "masks_per_image": 2},
    "ratio by picture": {
        "ratio": "uniform(0.4, 0.8, per=picture)",
        "policy": "hard",
        "accumulate": 2,
    },
    "ratio by picture, by loss": {
        "ratio": "uniform(0.4, 0.8, per=picture)",
        "sample": "loss(power=2)",
        "masks_per_image": 2,
    },
    "sampled by loss": {"sample": "loss(power=2)", "masks_per_image": 2},
    "teacher": {"policy": "guided(mix=0->1, refresh=2)", "masks_per_image": 2},
}


def rows(run: maskwright.Run) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name not in CLOCKED} for row in run.metrics
    ]


@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize("way", WAYS)
def test_rows_counts_and_masks_are_those_of_a_run_that_never_stopped(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, stop: int
) -> None:
    options = {**TINY, **WAYS[way]}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        stop_at(patch, stop)
        part = maskwright.pretrain(photos, out=tmp_path / "part", **options)
    assert part.status["state"] == "stopped"
    resumed = maskwright.pretrain(resume=True, out=tmp_path / "part")
    left, right = (
        {name: value for name, value in weights(run).items() if isinstance(value, torch.Tensor)}
        for run in (whole, resumed)
    )
    assert same(left, right)
    assert rows(resumed) == rows(whole)
    told = [{name: run.status[name] for name in COUNTED} for run in (whole, resumed)]
    assert told[0] == told[1]
    statistics = [(run.path / "masks" / "statistics.json").read_text() for run in (whole, resumed)]
    assert statistics[0] == statistics[1]
