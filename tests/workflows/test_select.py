"""Selecting on a real, small run: folder, report, resume, refusals, and the policy that
comes out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import maskwright
from maskwright.cli.main import main
from maskwright.cli.parser import build_parser
from maskwright.masking.catalog import build_policy
from maskwright.patches import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.weights.scorer_file import ScorerShape, load_scorer, save_scorer
from maskwright.workflows.building.policies import learned_policy
from maskwright.workflows.settings.select_settings import SelectSettings, build_select_settings
from tests.masking.breach import find_breach
from tests.workflows.conftest import SMALL

TINY: dict[str, Any] = {
    "scorer_width": 16,
    "scorer_depth": 1,
    "scorer_heads": 2,
    "batch_size": 16,
    "device": "cpu",
    "precision": "32-true",
    "val": "0.2",
    "lr": 1e-3,
}


@pytest.fixture(scope="module")
def selection(small_run: maskwright.Run) -> Any:
    return maskwright.select(small_run.path, name="first", epochs=2, **TINY)


def test_a_selection_leaves_everything_in_its_folder(
    selection: Any, small_run: maskwright.Run
) -> None:
    assert selection.path == small_run.path / "select" / "first"
    for name in ("config.yaml", "metrics.jsonl", "scorer.safetensors", "report.json", "run.json"):
        assert (selection.path / name).stat().st_size > 0
    for name in ("sheet.png", "curve.png"):
        with Image.open(selection.path / name) as picture:
            assert min(picture.size) > 100
    rows = [
        json.loads(line) for line in (selection.path / "metrics.jsonl").read_text().splitlines()
    ]
    assert {"kept", "composite_mse", "temperature"} <= set(rows[0])
    assert any("kept_test" in row for row in rows)


def test_the_report_compares_equal_counts(selection: Any) -> None:
    report = json.loads((selection.path / "report.json").read_text())
    masks, kept = report["masks"], report["kept"]
    assert masks["selected"]["kept_share"] == pytest.approx(kept["mean_share"])
    assert masks["random, same counts"]["kept_share"] == pytest.approx(kept["mean_share"])
    same = {one["kept_share"] for name, one in masks.items() if name.endswith("equal counts")}
    assert ("block, equal counts" in masks) != ("block, equal counts" in report["left_out"])
    assert len(same) == 1
    assert abs(same.pop() * 16 - kept["mean"]) <= 0.5 + 1e-6
    assert masks["random, as pretrained"]["kept_share"] == 0.25
    gap = report["differences"]["selected - random, same counts"]["composite_mse"]
    means = [masks[name]["composite_mse"]["value"] for name in ("selected", "random, same counts")]
    assert gap["value"] == pytest.approx(means[0] - means[1], abs=1e-6)
    assert gap["low"] <= gap["value"] <= gap["high"]
    assert report["held_out_from_run"] is False


def test_the_run_itself_stays_as_it_was(small_run: maskwright.Run) -> None:
    before = {name: value.clone() for name, value in small_run.model().state_dict().items()}
    maskwright.select(small_run.path, name="again", steps=1, **TINY)
    assert all(
        torch.equal(before[name], value) for name, value in small_run.model().state_dict().items()
    )


def test_seeing_everything_is_measured_blind_too_and_says_so(small_run: maskwright.Run) -> None:
    report = maskwright.select(small_run.path, encode="all", scorer="cnn", steps=2, **TINY).report
    assert "not comparable" in report["trained_with"]["means"]
    assert set(report["as_trained"]["masks"]) == {"selected", "random, same counts"}


def test_the_same_seed_gives_the_same_scorer(selection: Any, small_run: maskwright.Run) -> None:
    other = maskwright.select(small_run.path, name="twin", epochs=2, **TINY)
    scorers = [
        load_scorer(one.path / "scorer.safetensors", Grid(4, 4, 4)).state_dict()
        for one in (selection, other)
    ]
    assert all(torch.equal(scorers[0][name], scorers[1][name]) for name in scorers[0])
    assert other.report["masks"] == selection.report["masks"]


def test_an_earlier_selection_is_not_overwritten_unasked(
    selection: Any, small_run: maskwright.Run
) -> None:
    with pytest.raises(MaskwrightError, match="exists already: --resume"):
        maskwright.select(small_run.path, name="first", epochs=2, **TINY)
    with pytest.raises(MaskwrightError, match="is finished"):
        maskwright.select(small_run.path, name="first", epochs=2, resume=True, **TINY)


def test_an_interrupted_selection_ends_as_if_it_had_not_been(
    selection: Any, small_run: maskwright.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maskwright.training.stop import StopSignals

    calls = iter([False, False, True])
    with monkeypatch.context() as patch:
        patch.setattr(StopSignals, "asked", lambda self: next(calls, True))
        with pytest.raises(MaskwrightError, match="Stopped; nothing is lost"):
            maskwright.select(small_run.path, name="cut", epochs=2, **TINY)
    with pytest.raises(MaskwrightError, match=r"these differ: seed \("):
        maskwright.select(small_run.path, name="cut", epochs=2, resume=True, seed=5, **TINY)
    resumed = maskwright.select(small_run.path, name="cut", epochs=2, resume=True, **TINY)
    scorers = [
        load_scorer(one.path / "scorer.safetensors", Grid(4, 4, 4)).state_dict()
        for one in (selection, resumed)
    ]
    assert all(torch.equal(scorers[0][name], scorers[1][name]) for name in scorers[0])


@pytest.mark.parametrize(
    ("given", "fragment"),
    [
        ({"encode": "kept", "mix": "linear"}, "none would be hidden from the encoder"),
        ({"epochs": 1, "steps": 2}, "Give one of epochs, steps and minutes"),
        ({"sparsiti": 1}, "Did you mean 'sparsity'?"),
        ({"scorer": "mlp"}, "transformer or cnn"),
    ],
)
def test_a_mistake_is_a_sentence(
    small_run: maskwright.Run, given: dict[str, Any], fragment: str
) -> None:
    with pytest.raises(MaskwrightError, match=None) as caught:
        maskwright.select(small_run.path, **given)
    assert fragment in str(caught.value)


def test_the_command_line_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["select", "runs/x", "--data", "photos", "--encode", "all", "--no-flip", "--steps", "3"]
    parsed = build_parser(words).parse(words)
    assert parsed is not None
    given = {name: parsed.options[name] for name in ("encode", "flip", "steps")}
    assert build_select_settings(None, given)[1] == SelectSettings(
        encode="all", flip=False, steps=3
    )
    assert main(["select", "runs/x", "--encode", "kept", "--mix", "linear"]) == 2
    assert "mix='linear' keeps a share of every patch" in capsys.readouterr().err


def test_a_recipe_gives_the_settings_and_flags_win(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("select: {data: photos, epochs: 3, encode: all}\n")
    besides, settings = build_select_settings(str(recipe), {"steps": "7"})
    assert besides == {"data": "photos"}
    assert (settings.epochs, settings.steps, settings.encode, settings.mixing) == (
        None,
        7,
        "all",
        "linear",
    )
    with pytest.raises(MaskwrightError, match="no section `select`"):
        build_select_settings("demo", {})


def test_a_cross_decoder_takes_kept_and_refuses_all(shared_photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(
        shared_photos,
        out=tmp_path / "cross",
        split="train",
        steps=1,
        target="raw",
        **{**SMALL, "decoder": "cross"},
    )
    with pytest.raises(MaskwrightError, match="a cross decoder does not have"):
        maskwright.select(run.path, encode="all", steps=1, **TINY)
    assert (
        maskwright.select(run.path, steps=1, **TINY).report["masks"]["selected"]["kept_share"] > 0
    )


def test_the_learned_policy_keeps_the_contract(tmp_path: Path) -> None:
    for kind in ("transformer", "cnn"):
        shape = ScorerShape(kind=kind, patch_size=2, channels=3, width=16, depth=1, heads=2)
        file = tmp_path / f"{kind}.safetensors"
        save_scorer(file, shape.build(Grid(8, 8, 2)), shape)
        for grid in (Grid(8, 8, 2), Grid(7, 9, 2)):
            policy = build_policy(
                f"learned(path='{file}')",
                {"learned": lambda call, grid=grid: learned_policy(call, grid)},
            )
            assert find_breach(policy, grids=[grid]) is None


def test_the_learned_policy_masks_reconstructs_and_pretrains(
    selection: Any, small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    rule = f"learned(path='{selection.path}')"
    pictures = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), dtype=np.uint8)
    first, second = (
        small_run.reconstruct(pictures, policy=rule, ratio=0.5, seed=seed).mask for seed in (0, 1)
    )
    assert torch.equal(first.is_masked, second.is_masked)
    assert not torch.equal(first.is_masked[0], first.is_masked[1])
    out = tmp_path / "masks.png"
    report = maskwright.masks(
        shared_photos, [rule], ratio=0.5, out=out, draws=20, image_size=16, patch_size=4
    )
    assert report.geometry[rule].share_masked.mean() == pytest.approx(0.5)
    run = maskwright.pretrain(
        shared_photos,
        out=tmp_path / "next",
        split="train",
        steps=1,
        policy=rule,
        **SMALL,
    )
    assert run.status["state"] == "finished"


def test_a_missing_or_foreign_scorer_is_a_sentence(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    pictures = np.zeros((1, 16, 16, 3), np.uint8)
    with pytest.raises(MaskwrightError, match="There is no scorer at"):
        small_run.reconstruct(pictures, policy=f"learned(path='{tmp_path}')")
    with pytest.raises(MaskwrightError, match="holds weights but no scorer"):
        small_run.reconstruct(
            pictures,
            policy=f"learned(path='{small_run.path / 'exported' / 'encoder.safetensors'}')",
        )
    with pytest.raises(MaskwrightError, match="needs a trained scorer"):
        small_run.reconstruct(pictures, policy="learned")


def test_a_scorer_looks_at_other_pictures(
    selection: Any, small_run: maskwright.Run, shared_photos: Path
) -> None:
    applied = maskwright.select(small_run.path, data=shared_photos, apply="first", device="cpu")
    assert applied.path.parent == selection.path / "applied"
    arrays = np.load(applied.path / "scores.npz")
    grid = small_run.model().grid
    count = applied.report["pictures"]
    assert arrays["scores"].shape == arrays["kept"].shape == (count, grid.rows, grid.cols)
    assert 0 <= arrays["scores"].min() <= arrays["scores"].max() <= 1
    # A patch is kept where its chance is above one half, and at least one of each picture is.
    lonely = arrays["kept"].reshape(count, -1).sum(1) == 1
    same = (arrays["kept"] == (arrays["scores"] > 0.5)).reshape(count, -1).all(1)
    assert (same | lonely).all()
    rows = (applied.path / "scores.csv").read_text().splitlines()
    assert len(rows) == 1 + count
    saliency = sorted((applied.path / "saliency").iterdir())
    assert len(saliency) == len(list((applied.path / "kept").iterdir())) == count
    with Image.open(saliency[0]) as picture:
        assert picture.size == (grid.image_size[1], grid.image_size[0])
        # Every pixel of a patch has the patch's chance.
        first = np.asarray(picture)[: grid.patch_size, : grid.patch_size]
    assert len(np.unique(first)) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"apply": "frist"}, "no trained scorer 'frist'. It has: .*first"),
        ({"apply": "first", "epochs": 3}, "trains nothing, so leave out --epochs"),
    ],
)
def test_applying_says_what_is_wrong(
    selection: Any,
    small_run: maskwright.Run,
    shared_photos: Path,
    given: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(MaskwrightError, match=message):
        maskwright.select(small_run.path, data=shared_photos, **given)


def test_interpolation_needs_an_encoder_that_sees_all() -> None:
    settings = build_select_settings(None, {"encode": "all", "mix": "interpolate"})[1]
    assert settings.mixing == "interpolate"
    with pytest.raises(MaskwrightError, match="none would be hidden"):
        build_select_settings(None, {"encode": "kept", "mix": "interpolate"})
    with pytest.raises(MaskwrightError, match="interpolate"):
        build_select_settings(None, {"encode": "all", "mix": "interpolat"})
