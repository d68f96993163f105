"""A compiled run takes the steps of a run that is not: forward and backward are traced, and nothing
of a step is left out.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import maskwright
from tests.workflows.conftest import SMALL
from tests.workflows.test_pretrain import weights

TINY: dict[str, Any] = {
    **SMALL,
    "val": "0.2",
    "steps": 4,
    "knn_every": 0,
    "lr": 1e-3,
    "warmup": 0.0,
}


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> CompileCounterWithBackend:
    """torch.compile with forward and backward graphs but without a C++ compiler; counts
    the graphs.
    """
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counter, fullgraph=True))
    return counter


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("changes", "graphs"),
    [
        ({"ratio": "steps(0.5, 0.75)", "policy": "hard", "ema": 0.9}, 2),
        ({"decoder": "cross", "predict": 0.5, "policy": "adversarial", "accumulate": 2}, 1),
    ],
    ids=["full", "cross"],
)
def test_a_compiled_training_takes_the_same_steps(
    photos: Path,
    tmp_path: Path,
    traced: CompileCounterWithBackend,
    changes: dict[str, Any],
    graphs: int,
) -> None:
    plain, compiled = (
        maskwright.pretrain(
            photos, out=tmp_path / name, compile=name == "compiled", **{**TINY, **changes}
        )
        for name in ("plain", "compiled")
    )
    assert compiled.settings.run.compile
    # One graph for each number of visible patches, and none for what is measured meanwhile.
    assert traced.frame_count == graphs
    left, right = weights(plain), weights(compiled)
    assert left.keys() == right.keys()
    for name, value in left.items():
        if isinstance(value, torch.Tensor):
            assert torch.allclose(value.float(), right[name].float(), atol=2e-5), name
    losses = [[row["loss"] for row in run.metrics if "loss" in row] for run in (plain, compiled)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
