"""Every precision takes the same steps; half precision is run as on CUDA, with torch's scaler."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import maskwright
from maskwright.support.errors import MaskwrightError
from maskwright.training.module import PretrainModule
from tests.workflows.conftest import SMALL
from tests.workflows.test_pretrain import stop_at

TINY: dict[str, Any] = {**SMALL, "val": "0.2", "lr": 1e-3, "warmup": 0.0, "steps": 12}
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
UseScale = Callable[[float], None]


@pytest.fixture
def use_scale(monkeypatch: pytest.MonkeyPatch) -> UseScale:
    """Sets the first scale of half precision."""

    def use(scale: float) -> None:
        build = torch.amp.GradScaler
        monkeypatch.setattr(torch.amp, "GradScaler", lambda device: build(device, init_scale=scale))

    return use


def trained(run: maskwright.Run) -> dict[str, torch.Tensor]:
    return torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def moved(end: dict[str, torch.Tensor], begin: dict[str, torch.Tensor]) -> float:
    """How far the weights went."""
    squares = [float((end[name] - begin[name]).square().sum()) for name in begin]
    return sum(squares) ** 0.5


def column(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [row[name] for row in rows if "grad_norm" in row]


@pytest.mark.parametrize("fused", [True, False])
def test_gradient_norm_and_steps_are_the_same_in_every_precision(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fused: bool
) -> None:
    """With optimizers that unscale gradients in their own step, and with those that leave it to
    others.
    """
    plain = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda *a, **k: plain(*a, **{**k, "fused": fused}))
    begin = trained(maskwright.pretrain(photos, out=tmp_path / "0", **{**TINY, "lr": 0.0}))
    norms, ways = {}, {}
    for precision in PRECISIONS:
        run = maskwright.pretrain(
            photos, out=tmp_path / precision, **{**TINY, "precision": precision}
        )
        norms[precision] = column(run.metrics, "grad_norm")
        ways[precision] = moved(trained(run), begin)
        assert run.status["skipped_steps"] == run.status["overflowed_steps"] == 0
    for precision in PRECISIONS[1:]:
        assert norms[precision][:3] == pytest.approx(norms["32-true"][:3], rel=0.02)
        assert norms[precision] == pytest.approx(norms["32-true"], rel=0.1)
        assert ways[precision] == pytest.approx(ways["32-true"], rel=0.02)


def test_fine_tuning_takes_the_same_steps_in_half_precision(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    rows = {}
    for precision in PRECISIONS:
        done = maskwright.finetune(
            small_run.path,
            shared_photos,
            out=tmp_path / precision,
            epochs=2,
            batch_size=8,
            lr=2e-3,
            clip=0.5,
            device="cpu",
            precision=precision,
        )
        rows[precision] = maskwright.open_run(done.path).metrics
    for precision in PRECISIONS[1:]:
        for name, close in (("grad_norm", 0.05), ("loss", 0.02)):
            expected = column(rows["32-true"], name)
            assert column(rows[precision], name) == pytest.approx(expected, rel=close)


def test_a_scorer_takes_the_same_steps_in_half_precision(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    norms = {}
    for precision in ("32-true", "16-mixed"):
        done = maskwright.select(
            small_run.path,
            name=precision,
            steps=4,
            scorer_width=16,
            scorer_depth=1,
            scorer_heads=2,
            batch_size=16,
            device="cpu",
            precision=precision,
            val="0.2",
            lr=1e-3,
        )
        lines = (done.path / "metrics.jsonl").read_text().splitlines()
        norms[precision] = column([json.loads(line) for line in lines], "grad_norm")
    # Kept patches are drawn, so that rounding may flip one: the size of the norm is what can be
    # compared.
    assert norms["16-mixed"] == pytest.approx(norms["32-true"], rel=0.25)


def test_overflows_while_the_scale_is_found_are_skipped_and_are_no_bad_steps(
    photos: Path, tmp_path: Path, use_scale: UseScale
) -> None:
    """A scale of 2^30 overflows many times in a row; the steps after it are those of float32."""
    use_scale(2.0**30)
    run = maskwright.pretrain(
        photos, out=tmp_path / "half", **{**TINY, "steps": 30, "precision": "16-mixed"}
    )
    assert run.status["state"] == "finished"
    assert run.status["overflowed_steps"] >= 3
    assert run.status["skipped_steps"] == 0
    assert all(value.isfinite().all() for value in trained(run).values())
    taken = column(run.metrics, "grad_norm")[run.status["overflowed_steps"] :]
    assert all(0.01 < norm < 100 for norm in taken)
    losses = column(run.metrics, "loss")
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(("factor", "overflows"), [(float("nan"), 3), (float("inf"), 3)])
def test_a_gradient_that_no_scale_mends_stops_the_run(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    use_scale: UseScale,
    factor: float,
    overflows: int,
) -> None:
    """The loss on record stays finite, so that every step looks like an overflow until the scale,
    8, has been halved to 1.
    """
    original = PretrainModule.training_step
    use_scale(8.0)
    monkeypatch.setattr(PretrainModule, "training_step", lambda *given: original(*given) * factor)
    with pytest.raises(MaskwrightError, match="three times in a row"):
        maskwright.pretrain(photos, out=tmp_path / "run", **{**TINY, "precision": "16-mixed"})
    rows = maskwright.open_run(tmp_path / "run").metrics
    assert rows[-1]["overflowed_steps"] == overflows


def test_a_loss_that_is_not_finite_is_a_bad_step_in_half_precision_too(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = PretrainModule.training_step

    def poisoned(self: PretrainModule, *given: Any) -> torch.Tensor:
        value = original(self, *given) * float("nan")
        self.latest["loss"] = value.detach()
        return value

    monkeypatch.setattr(PretrainModule, "training_step", poisoned)
    with pytest.raises(MaskwrightError, match="three times in a row at step 2"):
        maskwright.pretrain(photos, out=tmp_path / "run", **{**TINY, "precision": "16-mixed"})


def test_the_scale_survives_a_resume(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use_scale: UseScale
) -> None:
    use_scale(2.0**30)
    options = {**TINY, "steps": 24, "precision": "16-mixed"}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        maskwright.pretrain(photos, out=tmp_path / "part", **options)
    resumed = maskwright.pretrain(resume=True, out=tmp_path / "part")
    assert resumed.status["overflowed_steps"] == whole.status["overflowed_steps"]
    left, right = trained(whole), trained(resumed)
    assert all(torch.equal(left[name], right[name]) for name in left)
