"""Shared by all tests: a private cache, one thread, tiny pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Read when numpy and torch are imported, and by every process that a test starts: the suite's own
# processes share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow tests first: at the end all processes would wait for the last of them.

    xdist gives each process a run of neighbors, so slow ones are dealt out over the beginnings of
    these; those of one file stay together, because they share what is made for them.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    quick = [item for item in items if not item.get_closest_marker("slow")]
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("slow"):
            files.setdefault(item.path, []).append(item)
    slow: list[list[pytest.Item]] = [[] for _ in range(count)]
    # Those with most tests first, each to the process that has fewest.
    for of_file in sorted(files.values(), key=len, reverse=True):
        min(slow, key=len).extend(of_file)
    items[:] = []
    for number, own in enumerate(slow):
        begin, end = len(quick) * number // count, len(quick) * (number + 1) // count
        items += [*own, *quick[begin:end]]


@pytest.fixture(autouse=True, scope="session")
def quick_disk() -> Iterator[None]:
    """Files of tests need not survive a power cut, so that nothing waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(autouse=True)
def private_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep decoded pictures of tests away from the user's cache."""
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def plain_curves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings end with a small white curves.png: Matplotlib takes as long for the real one as
    a tiny training takes. Tests marked `curves` get the real one.
    """
    # A process that has not loaded it trains nothing itself.
    loaded = sys.modules.get("maskwright.workflows.runs.curves")
    if loaded is not None and request.node.get_closest_marker("curves") is None:
        white = np.full((8, 8, 3), 255, np.uint8)
        monkeypatch.setattr(loaded, "training_curves", lambda *rows, **named: white)


def draw_pictures(count: int, side: int = 16, seed: int = 0) -> np.ndarray:
    """(count, side, side, 3) uint8 pictures: a colored disk on a colored ramp, so that there is
    something to learn.
    """
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:side, :side] / side
    pictures = []
    for _ in range(count):
        center, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.15, 0.35)
        inside = (rows - center[0]) ** 2 + (cols - center[1]) ** 2 < radius**2
        ramp = rng.uniform(0, 200, 3) + 55 * (rows[..., None] + cols[..., None]) / 2
        pictures.append(np.where(inside[..., None], rng.uniform(0, 255, 3), ramp).astype(np.uint8))
    return np.stack(pictures)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 40 small pictures in two class folders."""
    for index, picture in enumerate(draw_pictures(40)):
        place = tmp_path / "photos" / ("even" if index % 2 == 0 else "odd")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{index:03d}.png")
    return tmp_path / "photos"
