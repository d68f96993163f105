"""Tiny pictures and stores for the tests of the data room."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.data.store.packed import PackedStore


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache out of the tests."""
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Returns a function that makes the bytes of a small random picture file."""

    def make(
        kind: str = "PNG",
        size: tuple[int, int] = (12, 10),
        seed: int = 0,
        mode: str = "RGB",
        **options: object,
    ) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
        return buffer.getvalue()

    return make


@pytest.fixture
def folder(tmp_path: Path, encoded: Callable[..., bytes]) -> Path:
    """Twelve labelled pictures: train/ and test/, each with classes cat and dog."""
    root = tmp_path / "pets"
    for at, place in enumerate(
        f"{split}/{label}/{n}.png"
        for split in ("train", "test")
        for label in ("dog", "cat")
        for n in range(3)
    ):
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(seed=at))
    return root


@pytest.fixture
def store(tmp_path: Path) -> PackedStore:
    """Twenty-six 48x48 pictures with labels, too large for the tiny path."""
    images = np.random.default_rng(0).integers(0, 256, (26, 48, 48, 3), dtype=np.uint8)
    np.savez(tmp_path / "many.npz", images=images, labels=np.arange(26) % 4)
    return pack(open_source(tmp_path / "many.npz"), short_side=48)
