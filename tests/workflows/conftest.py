"""One small finished run that the tests of this folder read and never change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import maskwright
from tests.conftest import draw_pictures

SMALL: dict[str, Any] = {
    "image_size": 16,
    "patch_size": 4,
    "model": "vit_nano",
    "width": 24,
    "depth": 1,
    "heads": 2,
    "decoder_width": 16,
    "decoder_depth": 1,
    "decoder_heads": 2,
    "decoder": "full",
    "predict": 1.0,
    "optimizer": "adamw",
    "batch_size": 8,
    "device": "cpu",
    "precision": "32-true",
    "track": ["none"],
    # What a run says of its own health has its tests in test_doctor.py; it costs a second here.
    "checkup": False,
}


@pytest.fixture(scope="session")
def shared_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures in train and test folders of two classes: bright and dark."""
    root = tmp_path_factory.mktemp("shared") / "photos"
    for index, picture in enumerate(draw_pictures(60)):
        bright = index % 2 == 0
        place = root / ("train" if index < 40 else "test") / ("bright" if bright else "dark")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture // 4 + (180 if bright else 0)).save(place / f"{index:03d}.png")
    return root


@pytest.fixture(scope="session")
def small_run(shared_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> maskwright.Run:
    out = tmp_path_factory.mktemp("runs") / "small"
    return maskwright.pretrain(shared_photos, out=out, split="train", epochs=2, **SMALL)
