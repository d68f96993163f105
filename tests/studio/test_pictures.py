"""Pictures that people bring: bounded, decoded by the product's own reader, and never unpickled."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from maskwright.studio import pictures as module
from maskwright.studio.pictures import Pictures
from maskwright.support.errors import MaskwrightError
from tests.conftest import draw_pictures


def as_file(picture: np.ndarray, kind: str = "png", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=kind, **options)
    return buffer.getvalue()


PICTURE = draw_pictures(1, side=40)[0]


def test_a_picture_comes_back_by_its_id(client: TestClient) -> None:
    made = client.post(
        "/api/pictures", content=as_file(PICTURE), headers={"x-name": "my%20cat.png"}
    )
    assert made.json() == {"id": made.json()["id"], "name": "my cat.png", "note": ""}
    thumbnail = client.get(f"/api/pictures/{made.json()['id']}/thumbnail")
    shown = np.asarray(Image.open(io.BytesIO(thumbnail.content)).convert("RGB"))
    assert shown.shape == PICTURE.shape
    assert np.abs(shown.astype(int) - PICTURE).mean() < 8


class Evil:
    def __reduce__(self):
        return (Path("/tmp/unpickled-by-the-studio").touch, ())


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", as_file(PICTURE))
    return buffer.getvalue()


def saved_by_torch() -> bytes:
    buffer = io.BytesIO()
    torch.save({"x": Evil()}, buffer)
    return buffer.getvalue()


def saved_by_numpy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Evil()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        as_file(PICTURE)[:300],
        pickle.dumps(Evil()),
        saved_by_torch(),
        saved_by_numpy(),
        zipped(),
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
    ids=["empty", "text", "cut", "pickle", "torch", "numpy", "zip", "svg", "eps"],
)
def test_what_is_no_picture_is_refused_in_a_sentence(client: TestClient, data: bytes) -> None:
    answer = client.post("/api/pictures", content=data, headers={"x-name": "x.png"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Cannot read 'x.png'")
    assert not Path("/tmp/unpickled-by-the-studio").exists()


def test_too_many_pixels_are_refused_before_they_are_decoded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 60 million pixels of one color are a small file.
    data = as_file(np.zeros((6000, 10000), np.uint8))
    monkeypatch.setattr(module, "decode_picture", None)
    answer = client.post("/api/pictures", content=data)
    assert answer.status_code == 400
    assert "60 million pixels (10000x6000)" in answer.json()["error"]


def test_of_an_animation_the_first_frame_is_shown_with_a_note(client: TestClient) -> None:
    frames = [Image.fromarray(picture) for picture in draw_pictures(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="gif", save_all=True, append_images=frames[1:])
    made = client.post("/api/pictures", content=buffer.getvalue(), headers={"x-name": "a.gif"})
    assert made.json()["note"] == "'a.gif' has 3 frames; the first is shown."


def test_a_name_of_a_file_is_no_path(client: TestClient) -> None:
    headers = {"x-name": "..%2F..%2Fetc%2Fpass%20wd"}
    made = client.post("/api/pictures", content=as_file(PICTURE), headers=headers).json()
    assert made["name"] == "pass wd"


def test_the_oldest_uploads_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_UPLOAD_BYTES", 2 * PICTURE.nbytes)
    held = Pictures([], megapixels=1)
    ids = [held.add(as_file(np.roll(PICTURE, turn)), f"{turn}.png") for turn in range(3)]
    assert held.name(ids[2]) == "2.png"
    assert held.name(ids[1]) == "1.png"
    with pytest.raises(MaskwrightError, match="drop it again"):
        held.name(ids[0])


@pytest.mark.parametrize(
    "picture", ["d0-999", "d9-0", "d0--1", "d0-1e3", "d-", "../x", "u0", "d0-²", ""]
)
def test_unknown_ids_are_refused_in_a_sentence(client: TestClient, picture: str) -> None:
    answer = client.get("/api/paint/picture", params={"model": "x", "picture": picture})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_pages_of_the_list_go_over_several_data(studio_place: Path) -> None:
    photos = str(studio_place / "photos")
    held = Pictures([photos, photos], megapixels=1)
    assert [item["id"] for item in held.listed(6, 4)] == ["d0-6", "d0-7", "d1-0", "d1-1"]


@pytest.mark.parametrize("query", ["start=-1", "start=x", "count=9999999999", "start=²"])
def test_odd_numbers_of_a_list_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/pictures?{query}").status_code == 400
