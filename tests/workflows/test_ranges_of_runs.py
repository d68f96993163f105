"""A run keeps the value range that it was trained with, and whatever it is shown later is read
under it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import maskwright
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.prepare import prepare
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL


def write_deep(folder: Path, top: int, count: int = 12) -> Path:
    """Gray 16-bit PNG files in two class folders whose largest value is `top`."""
    for index, picture in enumerate(draw_pictures(count)):
        place = folder / ("even" if index % 2 == 0 else "odd")
        place.mkdir(parents=True, exist_ok=True)
        values = np.rint(picture[:, :, 0] / picture[:, :, 0].max() * top).astype(np.uint16)
        Image.fromarray(values).save(place / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="module")
def deep_run(tmp_path_factory: pytest.TempPathFactory) -> maskwright.Run:
    root = tmp_path_factory.mktemp("deep")
    return maskwright.pretrain(write_deep(root / "cam", 4095), out=root / "run", steps=2, **SMALL)


def test_the_range_stands_in_the_run_and_its_weights(deep_run: maskwright.Run) -> None:
    assert deep_run.settings.data.value_range == "integers=0,4095,strict"
    loaded = maskwright.load(deep_run.path)
    assert loaded.loaded.settings["value_range"] == "integers=0,4095,strict"


def test_darker_pictures_stay_darker_for_an_encoder(
    deep_run: maskwright.Run, tmp_path: Path
) -> None:
    """Measured for themselves, these would fill 8 bits and give the features of bright ones."""
    dark = write_deep(tmp_path / "dark", 255)
    written = maskwright.embed(deep_run.path, dark, out=tmp_path / "f.npz")
    features = np.load(written.path)["features"]
    encoder = maskwright.load(deep_run.path)
    first = np.asarray(Image.open(dark / "even" / "00.png"))
    as_bytes = np.rint(first / 4095 * 255).astype(np.uint8)
    expected = encoder.features(as_bytes[None, :, :, None])
    assert np.allclose(features[0], expected[0].numpy(), atol=1e-5)


def test_a_range_that_is_stated_wins_over_the_run(deep_run: maskwright.Run, tmp_path: Path) -> None:
    dark = write_deep(tmp_path / "dark", 255)
    own = maskwright.embed(deep_run.path, dark, out=tmp_path / "a.npz")
    stated = maskwright.embed(deep_run.path, dark, out=tmp_path / "b.npz", value_range="0,255")
    assert not np.allclose(np.load(own.path)["features"], np.load(stated.path)["features"])


def test_brighter_pictures_than_the_run_knows_are_refused_with_a_way_out(
    deep_run: maskwright.Run, tmp_path: Path
) -> None:
    with pytest.raises(MaskwrightError, match="--value-range"):
        maskwright.embed(deep_run.path, write_deep(tmp_path / "b", 60000), out=tmp_path / "f.npz")


def test_a_run_on_a_prepared_store_keeps_the_range_of_its_pictures(tmp_path: Path) -> None:
    cam = write_deep(tmp_path / "cam", 4095)
    store = prepare(cam, tmp_path / "store", size=16, value_range="0,2000")
    run = maskwright.pretrain(store.path, out=tmp_path / "run", steps=1, **SMALL)
    assert run.settings.data.value_range == "integers=0,2000;floats=0,2000"


def test_a_stopped_run_goes_on_under_its_range(tmp_path: Path) -> None:
    cam = write_deep(tmp_path / "cam", 4095)
    out = tmp_path / "run"
    maskwright.pretrain(cam, out=out, steps=4, watch=lambda row: row.get("step", 0) >= 1, **SMALL)
    assert maskwright.pretrain(out=out, resume=True).status["state"] == "finished"


def test_a_run_on_eight_bits_keeps_no_range(small_run: maskwright.Run) -> None:
    assert small_run.settings.data.value_range is None
