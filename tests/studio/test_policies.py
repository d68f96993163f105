"""What Policies answers: masks as a training draws them, and the geometry of `masks`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import maskwright
from maskwright.data.maps.map_writer import MapPlan, write_map
from maskwright.studio.app import build_app
from maskwright.workflows.settings.studio_settings import StudioSettings
from tests.data.map_stores import build_store
from tests.studio.conftest import ORIGIN


@pytest.fixture
def asked(client: TestClient) -> dict[str, Any]:
    model = client.get("/api/studio").json()["models"][0]["id"]
    return {"model": model, "picture": "d0-0", "ratio": 0.5, "seed": 1}


def test_all_policies_hide_as_much_or_say_why_not(
    client: TestClient, asked: dict[str, Any]
) -> None:
    policies = ["random", "block(size=2)", "guided", "adaptive", "foreground", "nonsense"]
    body = {**asked, "policies": policies}
    made = client.post("/api/policies/masks", json=body).json()["masks"]
    assert [item["policy"] for item in made] == policies
    assert all(item["mask"].count("1") == 8 for item in made[:4])
    assert "foreground" in made[4]["reason"]
    assert "Unknown policy" in made[5]["reason"]


def test_geometry_is_that_of_the_command(
    client: TestClient, asked: dict[str, Any], studio_place, tmp_path
) -> None:
    made = client.post("/api/policies/geometry", json={**asked, "policy": "green"}).json()
    report = maskwright.masks(
        studio_place / "photos",
        policy="green",
        ratio=0.5,
        seed=1,
        image_size=16,
        patch_size=4,
        draws=made["draws"],
        out=str(tmp_path / "masks.png"),
    )
    assert made["numbers"] == pytest.approx(report.geometry["green"].numbers())
    assert made["share"] == report.geometry["green"].share_masked.flatten().tolist()


def test_a_policy_that_looks_is_measured_on_the_picture(
    client: TestClient, asked: dict[str, Any]
) -> None:
    made = client.post("/api/policies/geometry", json={**asked, "policy": "guided"}).json()
    assert made["draws"] < 1000
    assert made["numbers"]["ratio"] == pytest.approx(0.5)


def test_a_schedule_is_drawn_from_begin_to_end(client: TestClient) -> None:
    points = client.get("/api/policies/schedule", params={"text": "0.5->0.75"}).json()["points"]
    assert points[0] == [0.0, 0.5, 0.5]
    assert points[-1] == [1.0, 0.75, 0.75]
    drawn = client.get("/api/policies/schedule", params={"text": "uniform(0.4, 0.9)"}).json()
    assert drawn["points"][50][1:] == [0.4, 0.9]
    answer = client.get("/api/policies/schedule", params={"text": "0.5->"})
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_maps_of_a_prepared_store_are_looked_at(
    studio_settings: StudioSettings, tmp_path: Path
) -> None:
    store = build_store(tmp_path, [(16, 16), (24, 16)])
    half = np.zeros((16, 16), np.uint8)
    half[:8] = 255
    write_map(
        store,
        MapPlan(name="foreground", kind="share", made="by hand"),
        lambda ids: [np.resize(half, store.image(at).shape[1:]) for at in ids],
    )
    settings = replace(studio_settings, data=[str(tmp_path / "store")])
    app = build_app(settings)
    with TestClient(app, base_url="http://127.0.0.1", headers=ORIGIN) as client:
        model = client.get("/api/studio").json()["models"][0]["id"]
        policy = {"policy": "foreground(share=1)", "ratio": 0.5, "seed": 1}
        body = {"models": [model], "model": model, "picture": "d0-0", **policy}
        # All of the foreground is hidden: the upper half.
        drawn = client.post("/api/paint/policy", json=body).json()
        assert drawn["mask"] == "1" * 8 + "0" * 8
        measured = client.post("/api/policies/geometry", json=body).json()
        assert measured["share"] == [1.0] * 8 + [0.0] * 8
        # A file alone has no maps, so the command takes the mask itself.
        made = client.post("/api/paint/sheet", json={**body, "mask": drawn["mask"]}).json()
        assert "given(path=" in made["command"]
        assert made["mask"] == drawn["mask"]
