"""Targets inside a run: what is trained, saved, resumed, shown and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import maskwright
from maskwright.support.errors import MaskwrightError
from maskwright.targets.building import read_target
from maskwright.targets.catalog import TARGETS, target_examples
from maskwright.training import feature_sources
from tests.workflows.conftest import SMALL
from tests.workflows.test_pretrain import same, stop_at, weights

TINY: dict[str, Any] = {**SMALL, "val": "0.2", "steps": 3, "lr": 1e-3}
# The encoder of these tests has one block.
OWN = "features(blocks=1, momentum=0.9)"
LINES = [OWN if name == "features" else target_examples(name)[0] for name in TARGETS]


@pytest.mark.parametrize("decoder", ["full", "cross"])
@pytest.mark.parametrize("line", LINES)
def test_every_target_trains_with_both_decoders_and_everything_else(
    photos: Path, tmp_path: Path, line: str, decoder: str
) -> None:
    options = {**TINY, "decoder": decoder, "optimizer": "muon"}
    run = maskwright.pretrain(
        photos,
        out=tmp_path / "run",
        target=line,
        predict=0.5,
        masks_per_image=2,
        ema=0.9,
        loss="mse(visible=0.1) + smooth_l1",
        policy="hard(mix=0.5)",
        **{name: value for name, value in options.items() if name != "predict"},
    )
    assert run.status["state"] == "finished"
    rows = [row for row in run.metrics if "loss" in row]
    assert all(0 < row["loss"] < 100 for row in rows)
    # The decoder is as wide as the target, and the file says which it is.
    model = run.model()
    assert model.config.target == str(read_target(line))
    assert model.decoder.pred.out_features == model.config.num_target_values
    has_picture = read_target(line).traits.has_picture
    sheets = list((run.path / "samples").glob("*")) if (run.path / "samples").exists() else []
    assert bool(sheets) == has_picture


@pytest.mark.parametrize("line", ["components(share=0.5)", OWN])
@pytest.mark.parametrize("stop", [1, 3])
def test_a_target_with_a_state_goes_on_as_if_it_had_never_stopped(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, stop: int
) -> None:
    options = {**TINY, "target": line, "steps": None, "epochs": 3, "accumulate": 2}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        stop_at(patch, stop)
        maskwright.pretrain(photos, out=tmp_path / "part", **options)
    resumed = maskwright.pretrain(resume=True, out=tmp_path / "part")
    left, right = (
        {name: value for name, value in weights(run).items() if isinstance(value, torch.Tensor)}
        for run in (whole, resumed)
    )
    assert same(left, right)
    # The state is there at all: the basis, or the average of the encoder.
    states = [name for name in left if name.startswith(("model.target.", "features."))]
    assert len(states) > 2
    assert whole.status["training_flops"] == resumed.status["training_flops"]


def test_settings_from_before_there_was_a_choice_mean_the_same(
    photos: Path, tmp_path: Path
) -> None:
    """`target: raw` and `target: normalized` were all that old recipes and checkpoints knew."""
    for target in ("raw", "normalized"):
        recipe = tmp_path / f"{target}.yaml"
        recipe.write_text(f"model: {{target: {target}}}\n")
        run = maskwright.pretrain(photos, out=tmp_path / target, recipe=str(recipe), **TINY)
        saved = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True)
        described = saved["maskwright"]["model"]
        # Nothing that an earlier version would not know.
        assert described["target"] == target
        assert "target_values" not in described
        assert not [name for name in saved["state_dict"] if "target" in name]
        assert run.model().target == read_target(target)


def test_a_fitted_target_is_filled_in_by_what_was_saved(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", target="components", **TINY)
    target: Any = run.model().target
    identity = target.basis.T @ target.basis
    assert torch.allclose(identity, torch.eye(len(identity)), atol=1e-5)
    result = run.reconstruct(photos)
    assert result.numbers


@pytest.mark.parametrize("line", ["hog", OWN])
def test_a_picture_is_refused_where_the_target_has_none(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", target=line, **TINY)
    refusal = "leads back to no picture"
    with pytest.raises(MaskwrightError, match=refusal):
        run.reconstruct(tmp_path / "not there")
    with pytest.raises(MaskwrightError, match=refusal):
        maskwright.select(run.path)
    with pytest.raises(MaskwrightError, match="decoder that predicts raw or normalized"):
        maskwright.export(run.path, format="official")
    # A folder for transformers then holds the encoder alone, and its card says why.
    folder = maskwright.export(run.path, format="hf", out=tmp_path / "hf").path
    assert not (folder / "vitmae").exists()
    assert "predicts raw or normalized pixels" in (folder / "README.md").read_text()
    assert maskwright.export(run.path, format="safetensors").path.exists()


@pytest.mark.parametrize("loss", ["laplacian", "focal_frequency", "mse + perceptual"])
def test_losses_of_pictures_are_refused_before_anything_is_decoded(
    photos: Path, tmp_path: Path, loss: str
) -> None:
    with pytest.raises(MaskwrightError, match=r"compares pictures.*hog"):
        maskwright.pretrain(photos, out=tmp_path / "run", target="hog", loss=loss, **TINY)
    with pytest.raises(MaskwrightError, match="over='composite'"):
        maskwright.pretrain(
            photos, out=tmp_path / "run", target="components", loss="focal_frequency", **TINY
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("hgo", "Did you mean 'hog'"),
        ("hog(bin=3)", "Did you mean 'bins'"),
        ("hog(cells=3)", "do not divide by 3"),
        ("raw + hog", "predicts one target"),
        ("lowpass(by=mean)", "one of gaussian, dct"),
        ("features(blocks=4)", "the encoder has 1"),
        ("features(momentum=2)", "between 0 and 1"),
        ("features(source='nowhere/run')", "no run or checkpoint at 'nowhere/run'"),
    ],
)
def test_mistakes_are_answered_before_anything_is_decoded(
    photos: Path, tmp_path: Path, target: str, complaint: str
) -> None:
    with pytest.raises(MaskwrightError, match=complaint):
        maskwright.pretrain(photos, out=tmp_path / "run", target=target, **TINY)
    assert not (tmp_path / "run").exists()


def test_features_of_another_run_are_predicted_and_its_grid_must_fit(
    photos: Path, small_run: maskwright.Run, tmp_path: Path
) -> None:
    line = f"features(source='{small_run.path}', blocks=1)"
    options = {**TINY, "width": 32}
    run = maskwright.pretrain(photos, out=tmp_path / "run", target=line, **options)
    # As wide as the other encoder, which is no part of this run.
    assert run.model().config.num_target_values == 24
    saved = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True)
    assert [name for name in saved["state_dict"] if name.startswith("features")] == [
        "features._extra_state"
    ]
    with pytest.raises(MaskwrightError, match=r"4x4 patches and this model 8x8.*resample=True"):
        maskwright.pretrain(
            photos, out=tmp_path / "other", target=line, **{**options, "patch_size": 2}
        )
    resampled = f"features(source='{small_run.path}', blocks=1, resample=True)"
    other = maskwright.pretrain(
        photos, out=tmp_path / "other", target=resampled, **{**options, "patch_size": 2}
    )
    assert other.status["state"] == "finished"


def test_a_collapsing_target_is_warned_of_once(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", target=OWN, **TINY)
    spreads = [row["target_spread"] for row in run.metrics if "target_spread" in row]
    assert spreads
    assert all(0 < spread <= 1 for spread in spreads)
    monkeypatch.setattr(
        feature_sources,
        "last_block_features",
        lambda encoder, patches, count: torch.ones(*patches.shape[:2], 24),
    )
    caplog.clear()
    maskwright.pretrain(photos, out=tmp_path / "flat", target=OWN, **TINY)
    warnings = [text for text in caplog.messages if "is collapsing" in text]
    assert len(warnings) == 1
