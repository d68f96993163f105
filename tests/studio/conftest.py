"""A studio with a tiny model and pictures: asked in the process, and served for a real browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import uvicorn
from PIL import Image
from starlette.testclient import TestClient

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches.pixels import PixelScale
from maskwright.studio.app import build_app
from maskwright.studio.serve import bind
from maskwright.weights.checkpoint import save_model
from maskwright.workflows.settings.studio_settings import StudioSettings
from tests.conftest import draw_pictures
from tests.tiny_zoo import CONFIG

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ORIGIN = {"origin": "http://127.0.0.1"}
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def studio_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models of one size, pictures, and empty folders of runs and studies."""
    place = tmp_path_factory.mktemp("studio")
    scale = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    for number, name in enumerate(("first", "second")):
        model = MaskedAutoencoder(CONFIG)
        rng = torch.Generator().manual_seed(number)
        # All begin alike; these two are not to predict the same.
        for weights in model.parameters():
            weights.data += 0.05 * torch.randn(weights.shape, generator=rng)
        save_model(place / f"{name}.ckpt", model, scale, {"policy": "random", "ratio": "0.75"})
    (place / "photos").mkdir()
    for number, picture in enumerate(draw_pictures(8)):
        Image.fromarray(picture).save(place / "photos" / f"{number:03d}.png")
    (place / "runs").mkdir()
    (place / "studies").mkdir()
    return place


@pytest.fixture(scope="session")
def studio_settings(studio_place: Path) -> StudioSettings:
    """The settings of a studio on that folder."""
    return StudioSettings(
        models=[str(studio_place / "first.ckpt"), str(studio_place / "second.ckpt")],
        data=[str(studio_place / "photos")],
        runs=str(studio_place / "runs"),
        studies=str(studio_place / "studies"),
        votes=str(studio_place / "votes"),
        device="cpu",
        upload_megabytes=2,
    )


@pytest.fixture
def client(studio_settings: StudioSettings) -> Iterator[TestClient]:
    """A client of a studio in this process, under the page's own origin."""
    with TestClient(
        build_app(studio_settings), base_url="http://127.0.0.1", headers=ORIGIN
    ) as client:
        yield client


@pytest.fixture(scope="session")
def studio_address(studio_settings: StudioSettings) -> Iterator[str]:
    """The address of a studio served on a free port of the loopback."""
    bound = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(build_app(studio_settings), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


# Opened anew for each module: while Playwright is open, no other test of the process can run an
# event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: object, studio_address: str) -> Iterator[object]:
    """A fresh page; a mistake in a script or a request to anywhere else fails the test."""
    context = browser.new_context(  # type: ignore[attr-defined]
        viewport={"width": 1280, "height": 860}, accept_downloads=True
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    def look(request: object) -> None:
        url = str(request.url)  # type: ignore[attr-defined]
        if not url.startswith((studio_address, "data:", "blob:")):
            faults.append(f"asked for {url}")

    page.on("request", look)
    yield page
    context.close()
    assert not faults, faults
