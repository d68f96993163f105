"""No way leads out of the folders that were named."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwright.studio.folders import Folders
from maskwright.studio.pictures import Pictures
from maskwright.support.errors import MaskwrightError


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "run.json").write_text("{}")
    (tmp_path / "runs-secret").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "runs" / "way-out").symlink_to(tmp_path)
    (tmp_path / "runs" / "file-out").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "runs" / "circle").symlink_to(tmp_path / "runs" / "circle")
    (tmp_path / "runs" / "inside").symlink_to(tmp_path / "runs" / "mine")
    return Folders({"runs": tmp_path / "runs", "studies": tmp_path / "none"})


def test_places_inside_are_found_also_over_links_that_stay_inside(folders: Folders) -> None:
    assert folders.inside("runs", "mine/run.json").name == "run.json"
    assert folders.inside("runs", "inside/run.json").parent.name == "mine"
    assert folders.inside("runs", ".") == folders.root("runs")


@pytest.mark.parametrize(
    "place",
    [
        "../secret.txt",
        "mine/../../secret.txt",
        "../runs-secret",
        "/etc/passwd",
        "way-out/secret.txt",
        "way-out",
        "file-out",
        "circle",
        "mine/run.json\0.png",
        "missing",
        "a" * 5000,
    ],
)
def test_every_way_out_says_the_same(folders: Folders, place: str) -> None:
    with pytest.raises(MaskwrightError, match=r"There is no '.*' in the folder of runs"):
        folders.inside("runs", place)


def test_a_folder_that_is_not_there_is_not_served(folders: Folders) -> None:
    assert "studies" not in folders
    with pytest.raises(MaskwrightError, match="without a folder of studies"):
        folders.inside("studies", "x")


def test_a_link_among_the_pictures_that_leads_out_is_refused(photos: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    (photos / "even" / "000.png").rename(outside)
    (photos / "even" / "000.png").symlink_to(outside)
    pictures = Pictures([str(photos)], megapixels=1)
    names = {item["name"]: item["id"] for item in pictures.listed(0, 99)}
    assert pictures.name(names["002.png"]) == "002.png"
    with pytest.raises(MaskwrightError, match="a link that leads out"):
        pictures.name(names["000.png"])
