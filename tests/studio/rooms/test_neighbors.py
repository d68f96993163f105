"""The room of neighbors: files of features, a map, the nearest of a picture, and a lasso."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient


@pytest.fixture
def features(studio_place: Path) -> Iterator[Path]:
    """Features of the eight photos: four in each of two groups."""
    file = studio_place / "runs" / "features.npz"
    rng = np.random.default_rng(0)
    values = rng.normal(size=(8, 6)).astype(np.float32)
    values[4:] += 8
    np.savez(
        file,
        keys=np.array([f"{number:03d}.png" for number in range(8)]),
        features=values,
        labels=np.array([0] * 4 + [1] * 4),
        classes=np.array(["cat", "dog"]),
        data=np.array(str(studio_place / "photos")),
    )
    yield file
    file.unlink()


def test_a_map_with_classes_and_pictures(client: TestClient, features: Path) -> None:
    np.savez(features.with_name("other.npz"), a=np.ones(3))
    listed = client.get("/api/neighbors/list").json()
    features.with_name("other.npz").unlink()
    assert [item["file"] for item in listed["files"]] == ["features.npz"]
    assert "pca" in listed["methods"]
    found = client.get("/api/neighbors/map?file=features.npz").json()
    assert (found["count"], found["classes"], found["shown"]) == (8, ["cat", "dog"], 8)
    assert found["labels"] == [0] * 4 + [1] * 4
    assert max(map(abs, found["x"])) <= 1000


def test_the_nearest_are_of_the_same_group_and_can_be_seen(
    client: TestClient, features: Path
) -> None:
    found = client.get("/api/neighbors/nearest?file=features.npz&row=5").json()
    assert found["picture"]["name"] == "005.png"
    assert {item["label"] for item in found["nearest"][:3]} == {"dog"}
    assert found["nearest"][0]["similarity"] >= found["nearest"][1]["similarity"]
    picture = found["picture"]["picture"]
    answer = client.get(f"/api/pictures/{picture}/thumbnail")
    assert answer.headers["content-type"] == "image/webp"


def test_mistakes_and_attacks_are_sentences(client: TestClient, features: Path) -> None:
    # A pickle in an .npz is code that somebody else wrote.
    np.savez(
        features.with_name("evil.npz"), keys=np.array(["a"]), features=np.array([{}], dtype=object)
    )
    for address in (
        "map?file=evil.npz",
        "map?file=../first.ckpt",
        "map?file=features.npz&method=magic",
        "nearest?file=features.npz&row=8",
        "nearest?file=features.npz&row=-1",
    ):
        answer = client.get(f"/api/neighbors/{address}")
        assert answer.status_code == 400, address
        assert answer.json()["error"].endswith((".", "?"))
    features.with_name("evil.npz").unlink()
    for rows in ([9], ["1"], list(range(201))):
        body = {"file": "features.npz", "rows": rows}
        assert client.post("/api/neighbors/named", json=body).status_code == 400


def test_points_are_found_by_keyboard_and_by_lasso(
    page: Any, studio_address: str, features: Path
) -> None:
    page.goto(f"{studio_address}/#/neighbors?file=features.npz")
    page.get_by_text("8 pictures of 6 numbers").wait_for()
    canvas = page.locator("canvas")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Nearest pictures").wait_for()
    assert page.locator(".thumbs img").count() == 8
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.mouse.down()
    for x, y in (
        (box["width"] - 4, 4),
        (box["width"] - 4, box["height"] - 4),
        (4, box["height"] - 4),
    ):
        page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.up()
    page.get_by_role("heading", name="8 pictures").wait_for()
    assert "cat 4, dog 4" in page.locator("[aria-label=Pictures]").inner_text()
