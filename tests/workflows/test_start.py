"""Starting from weights: the shape comes from them, a new decoder learns first, and what does not
fit is refused before a picture is decoded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import maskwright
from maskwright.cli.main import main
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter
from maskwright.workflows import pretrain as workflow
from maskwright.workflows.training import start_weights
from tests.tiny_zoo import open_tiny_zoo
from tests.workflows.test_pretrain import same, stop_at, weights

SHORT: dict[str, Any] = {
    "batch_size": 8,
    "device": "cpu",
    "precision": "32-true",
    "track": ["none"],
    "val": "0.2",
}


GRID = ("--image-size", "16", "--patch-size", "4")


class Listener(LogReporter):
    """A reporter that keeps what was said."""

    def __init__(self) -> None:
        super().__init__(visible=False)
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def encoder_alone(small_run: maskwright.Run, tmp_path: Path) -> Path:
    """The small run's encoder as a folder of timm."""
    return maskwright.export(small_run.path, format="timm", out=tmp_path / "timm").path


def test_the_shape_is_taken_from_a_model_of_the_zoo(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_tiny_zoo(tmp_path / "zoo", monkeypatch)
    heard = Listener()
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", init="zoo:tiny-16", steps=1, lr=0.0, reporter=heard, **SHORT
    )
    config = run.model().config
    assert (config.width, config.depth, config.decoder, config.decoder_width) == (
        24,
        1,
        "cross",
        16,
    )
    assert run.settings.train.decoder_first == 0.0
    assert 0 < run.settings.train.layer_decay < 1
    blocks = {name: value for name, value in model.state_dict().items() if ".blocks." in name}
    for name, value in blocks.items():
        torch.testing.assert_close(run.model().state_dict()[name], value, rtol=1e-3, atol=1e-3)
    assert "Starting from zoo:tiny-16: encoder and decoder" in heard.text
    assert "width 24: as in the weights of --init" in heard.text


def test_a_new_decoder_learns_first_and_the_encoder_then(
    photos: Path, tmp_path: Path, encoder_alone: Path
) -> None:
    options = {**SHORT, "init": str(encoder_alone), "lr": 1e-3, "steps": 8, "decoder_first": 0.5}
    seen: list[tuple[bool, bool]] = []
    start = encoder_and_decoder(photos, tmp_path / "start", {**options, "lr": 0.0, "steps": 1})
    for steps in (4, 5):
        out = tmp_path / f"after-{steps}"
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, steps)
            halves = encoder_and_decoder(photos, out, options)
        seen.append(tuple(not same(now, then) for now, then in zip(halves, start, strict=True)))
    assert seen == [(False, True), (True, True)]


def encoder_and_decoder(photos: Path, out: Path, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The trained tensors of both halves after a run."""
    state = maskwright.pretrain(photos, out=out, **options).model().state_dict()
    return [
        {name: value for name, value in state.items() if name.startswith(half)}
        for half in ("encoder.", "decoder.")
    ]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_start_is_resumed_exactly_in_the_middle_of_the_first_part(
    photos: Path,
    tmp_path: Path,
    encoder_alone: Path,
    monkeypatch: pytest.MonkeyPatch,
    optimizer: str,
) -> None:
    options = {**SHORT, "init": str(encoder_alone), "optimizer": optimizer, "steps": 10}
    options |= {"decoder_first": 0.4, "layer_decay": 0.7}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        maskwright.pretrain(photos, out=tmp_path / "part", **options)
    resumed = maskwright.pretrain(resume=True, out=tmp_path / "part")
    left, right = (
        {name: value for name, value in weights(run).items() if isinstance(value, torch.Tensor)}
        for run in (whole, resumed)
    )
    assert same(left, right)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"init": "zoo:tinny-16"}, "Did you mean 'tiny-16'"),
        ({"init": "tiny-16"}, "The model of the zoo is written zoo:tiny-16"),
        ({"init": "zoo:masker-16"}, "not a masked autoencoder"),
        ({"init": "/no/such/run"}, "There is no run or checkpoint"),
        ({"init": "zoo:tiny-16", "model": "vit_tiny"}, "it is 24 wide, 1 deep, with 2 heads"),
        ({"init": "zoo:tiny-16", "layer_decay": 2.0}, "layer_decay"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_decoded(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    fragment: str,
) -> None:
    open_tiny_zoo(tmp_path / "zoo", monkeypatch)
    monkeypatch.setattr(workflow, "load", refuse_to_decode)
    with pytest.raises(MaskwrightError, match=fragment):
        maskwright.pretrain(photos, out=tmp_path / "run", steps=1, **SHORT, **options)
    assert not (tmp_path / "run").exists()


def refuse_to_decode(*arguments: Any) -> None:
    raise AssertionError("pictures were decoded")


def test_few_pictures_get_an_advice_and_many_or_a_start_get_none(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_tiny_zoo(tmp_path / "zoo", monkeypatch)

    def said(name: str, **more: Any) -> str:
        heard = Listener()
        options = {**SHORT, "steps": 1, "model": None, **more}
        maskwright.pretrain(photos, out=tmp_path / name, reporter=heard, **options)
        return heard.text

    assert "32 pictures are few (fewer than 5,000)" in said("few")
    assert "--init zoo:tiny-16" in said("again")
    assert "are few" not in said("start", init="zoo:tiny-16")
    monkeypatch.setattr(start_weights, "FEW", 32)
    assert "pictures are few (" not in said("many")


def test_the_zoo_serves_wherever_a_run_does(
    shared_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_tiny_zoo(tmp_path / "zoo", monkeypatch)
    monkeypatch.chdir(tmp_path)
    photos = str(shared_photos)
    for words in (
        ["list", "zoo"],
        ["inspect", "zoo:tiny-16"],
        ["inspect", "zoo:masker-16"],
        ["evaluate", "zoo:tiny-16", "--data", photos, "--probe", "knn"],
        ["embed", "zoo:tiny-16", photos, "--out", "features.npz"],
        ["reconstruct", "zoo:tiny-16", f"{photos}/test/dark"],
        ["export", "zoo:tiny-16", "--format", "safetensors"],
        ["diagnose", "zoo:tiny-16", "--on", photos, "--tests", "positions"],
        [*("masks", photos), *GRID, "--policy", "learned(path='zoo:masker-16')"],
    ):
        assert main(words) == 0, words
    said = capsys.readouterr().out
    assert "a autoencoder for tests" in said
    assert "Not good for: anything but tests." in said
    assert (tmp_path / "features.npz").exists()
    assert main(["inspect", "zoo:tinny-16"]) == 2
    assert "Did you mean 'tiny-16'" in capsys.readouterr().err
