"""Masks given for each picture stay with their picture, whatever part of the data it falls into and
however many masks it gets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import maskwright
from maskwright.support.errors import MaskwrightError
from maskwright.training.masker import Masker
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.filling.mask_for import MaskedPictures, mask_for
from maskwright.workflows.loading.chosen_pictures import choose_pictures
from tests.workflows.conftest import SMALL

OPTIONS: dict[str, Any] = {**SMALL, "epochs": 1, "val": "0.25", "crop": "center", "flip": False}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Which pictures every training step showed, known by their brightness, and their masks."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    original = Masker.draw

    def draw(self: Masker, scene: Any) -> Any:
        mask = original(self, scene)
        level = (scene.images.mean((1, 2, 3)) * self.scale.std[0] + self.scale.mean[0]) * 255
        seen.append(((level - 3).div(6).round().long(), mask.is_masked.clone()))
        return mask

    monkeypatch.setattr(Masker, "draw", draw)
    return seen


def _levels() -> np.ndarray:
    """40 gray pictures of 16x16, each as bright as no other."""
    return np.repeat(np.arange(40, dtype=np.uint8) * 6 + 3, 256).reshape(40, 16, 16)


def _masks() -> np.ndarray:
    """(40, 4, 4) a mask of eight patches for each picture, none like another."""
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(16).reshape(4, 4) < 8 for _ in range(40)])


def _check(drawn: list[tuple[torch.Tensor, torch.Tensor]], masks_per_image: int) -> None:
    """Every training picture was masked by the mask made for it."""
    pictures, flags = (torch.cat(column) for column in zip(*drawn, strict=True))
    assert torch.equal(flags, torch.from_numpy(_masks()).flatten(1)[pictures])
    assert sorted(torch.bincount(pictures).tolist())[-30:] == [masks_per_image] * 30


@pytest.mark.parametrize("masks_per_image", [1, 2])
def test_masks_follow_the_rows_of_an_array(
    tmp_path: Path, drawn: list[tuple[torch.Tensor, torch.Tensor]], masks_per_image: int
) -> None:
    np.save(tmp_path / "masks.npy", _masks())
    rule = f"given(path='{tmp_path / 'masks.npy'}', choose='by_sample')"
    maskwright.pretrain(
        _levels(),
        out=tmp_path / "run",
        policy=rule,
        ratio=0.5,
        masks_per_image=masks_per_image,
        **{**OPTIONS, "batch_size": 10},
    )
    _check(drawn, masks_per_image)


def test_masks_follow_the_names_of_files(
    tmp_path: Path, drawn: list[tuple[torch.Tensor, torch.Tensor]]
) -> None:
    for at, (picture, mask) in enumerate(zip(_levels(), _masks(), strict=True)):
        for kind, pixels in (("pics", picture), ("masks", np.kron(mask, np.ones((4, 4))) * 255)):
            folder = tmp_path / kind / ("even" if at % 2 == 0 else "odd")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{at // 2}.png")
    rule = f"given(path='{tmp_path / 'masks'}', choose='by_sample')"
    options = {**OPTIONS, "batch_size": 10}
    maskwright.pretrain(tmp_path / "pics", out=tmp_path / "run", policy=rule, ratio=0.5, **options)
    _check(drawn, 1)
    (tmp_path / "masks/odd/3.png").unlink()
    with pytest.raises(MaskwrightError, match=r"/3.png' and '.*/3.png' would share one mask"):
        maskwright.pretrain(
            tmp_path / "pics", out=tmp_path / "other", policy=rule, ratio=0.5, **options
        )


def test_masks_follow_the_names_where_a_run_fills_in(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    (tmp_path / "masks").mkdir()
    for at in range(3):
        Image.fromarray(_levels()[at]).convert("RGB").save(tmp_path / f"{at}.png")
        np.save(tmp_path / "masks" / f"{at}.npy", _masks()[at])
    pictures = [tmp_path / "2.png", tmp_path / "0.png"]
    loaded = small_run.load()
    chosen = choose_pictures(pictures, loaded)
    rule = f"given(path='{tmp_path / 'masks'}', choose='by_sample')"
    named = MaskedPictures(chosen.images, keys=chosen.names)
    mask = mask_for(loaded, small_run.path, MaskChoice(rule, 0.5), named, 0)
    assert torch.equal(mask.is_masked, torch.from_numpy(_masks()[[2, 0]]).flatten(1))
    maskwright.reconstruct(
        small_run.path, pictures, policy=rule, ratio=0.5, out=tmp_path / "sheet.png"
    )
