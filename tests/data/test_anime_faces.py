"""animeface works with the Pillow installed here, and says so where it does not."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.data.maps import anime_faces
from maskwright.data.maps.anime_faces import AnimeFinder, load_animeface
from maskwright.data.maps.drawn_face import draw_face
from maskwright.support.errors import MaskwrightError

FACES = Path(__file__).parents[3] / "shared" / "data" / "anime-faces-96.zip"
pytest.importorskip("animeface")


@pytest.mark.parametrize("side", [96, 160, 700])
def test_a_drawn_face_is_found_with_its_parts_where_they_are(side: int) -> None:
    parts = {
        name: [part for part in AnimeFinder().find(draw_face(side)) if part.name == name]
        for name in anime_faces.ANIME_PARTS
    }
    assert [len(parts[name]) for name in anime_faces.ANIME_PARTS] == [1, 2, 1, 1, 1]
    eyes = sorted((eye.x + eye.width / 2) / side for eye in parts["eyes"])
    assert eyes == pytest.approx([0.37, 0.63], abs=0.04)
    mouth = parts["mouth"][0]
    assert (
        (mouth.x + mouth.width / 2) / side,
        (mouth.y + mouth.height / 2) / side,
    ) == pytest.approx((0.5, 0.74), abs=0.04)


def test_a_face_that_fills_the_picture_is_found_with_a_frame() -> None:
    face = draw_face(128)[22:112, 22:106]
    assert anime_faces.detect_in(load_animeface(), np.ascontiguousarray(face)) == []
    found = AnimeFinder().find(face)
    eyes = sorted(part.x + part.width / 2 for part in found if part.name == "eyes")
    assert eyes == pytest.approx([0.37 * 128 - 22, 0.63 * 128 - 22], abs=5)


def test_nothing_is_found_where_nothing_is() -> None:
    assert AnimeFinder().find(np.full((200, 300, 3), 128, dtype=np.uint8)) == []


def test_a_blind_detector_is_an_error_and_not_an_empty_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anime_faces, "detect_in", lambda detect, pixels: [])
    load_animeface.cache_clear()
    with pytest.raises(MaskwrightError, match="does not find a drawn test face"):
        load_animeface()
    load_animeface.cache_clear()


@pytest.mark.skipif(not FACES.exists(), reason="real pictures are not in the repository")
def test_nine_of_ten_real_faces_are_found_near_where_an_older_pillow_found_them() -> None:
    archive = zipfile.ZipFile(FACES)
    rows = list(csv.DictReader(io.TextIOWrapper(archive.open("parts.csv"))))[::80]
    errors = []
    for row in rows:
        found = AnimeFinder().find(
            np.asarray(Image.open(io.BytesIO(archive.read(row["file"]))).convert("RGB"))
        )
        eyes = [part for part in found if part.name == "eyes"]
        if eyes:
            right = max(eyes, key=lambda eye: eye.x)
            errors.append(
                right.x + right.width / 2 - float(row["left_eye_x"]) - float(row["left_eye_w"]) / 2
            )
    assert len(errors) >= 0.9 * len(rows)
    assert abs(float(np.median(errors))) < 1.5
