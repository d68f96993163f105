"""Looking at data first: counts, doubles, sizes, and a command that trains."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import maskwright
from maskwright.cli.main import main
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.choice import Facts
from maskwright.workflows.surveying.advice import advise
from maskwright.workflows.surveying.objects import ObjectSizes
from maskwright.workflows.surveying.resolution import Detail, cost_of_size, pick_sides
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL

FACTS = Facts(count=1000, short_side=96, channels=3, device="cpu", cores=2)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Twelve pictures of two classes, two of them the same, two alike, and one broken file."""
    root = tmp_path / "mixed"
    for at, pixels in enumerate(draw_pictures(12, side=48, seed=1)):
        place = root / "train" / ("a" if at < 6 else "b")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{at:02d}.png")
    shutil.copy(root / "train/a/00.png", root / "train/b/same.png")
    Image.open(root / "train/a/03.png").resize((32, 32)).save(root / "train/a/small.png")
    (root / "train/a/cut.png").write_bytes((root / "train/a/01.png").read_bytes()[:60])
    (root / "test/a").mkdir(parents=True)
    Image.fromarray(draw_pictures(1, side=48, seed=9)[0]).save(root / "test/a/t.png")
    return root


def test_a_survey_counts_and_finds_doubles(mixed: Path, tmp_path: Path) -> None:
    found = maskwright.survey(mixed, out=str(tmp_path / "s"), faces=False).numbers
    assert (found["pictures"], found["decoded"]) == (16, 16)
    assert list(found["broken"]) == ["train/a/cut.png"]
    assert found["sizes"] == {"48x48": 14, "32x32": 1}
    assert found["classes"] == {"a": 9, "b": 7}
    (exact,) = found["alike"]["exact"]
    assert (exact["first"], exact["second"]) == ("train/a/00.png", "train/b/same.png")
    (near,) = found["alike"]["near"]
    assert (near["first"], near["second"]) == ("train/a/03.png", "train/a/small.png")
    # Everything was compared, so nothing is estimated.
    assert found["alike"]["expected_in_all"] is None
    assert json.loads((tmp_path / "s" / "survey.json").read_text()) == json.loads(json.dumps(found))


def test_sheets_are_written_and_the_report_names_what_matters(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["survey", str(mixed), "--out", str(tmp_path / "s"), "--no-faces"]) == 0
    said = capsys.readouterr().out
    for fragment in (
        "1 of those decoded: train/a/cut.png",
        "pairs with different labels: 1",
        "all that can be said of objects",
        "--split train leaves the other pictures",
    ):
        assert fragment in said
    names = sorted(file.name for file in (tmp_path / "s").iterdir())
    assert names == ["duplicates.png", "pictures.png", "sizes.png", "survey.json"]
    for name in names[:3]:
        assert np.asarray(Image.open(tmp_path / "s" / name)).std() > 10


def test_the_advised_command_is_what_a_training_would_choose(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survey = maskwright.survey(mixed, out=str(tmp_path / "s"), faces=False)
    words = shlex.split(survey.command)
    assert words[:2] == ["maskwright", "pretrain"]
    assert words[-6:] == ["--image-size", "48", "--patch-size", "6", "--model", "vit_nano"]
    tiny = [f"--{name.replace('_', '-')}={SMALL[name]}" for name in ("width", "depth", "device")]
    out = ["--out", str(tmp_path / "run"), "--steps", "1", "--track", "none"]
    assert main([*words[1:], *tiny, "--heads=2", *out]) == 0


def test_a_sample_is_spread_and_its_doubles_are_scaled_to_the_whole(
    mixed: Path, tmp_path: Path
) -> None:
    found = maskwright.survey(mixed, out=str(tmp_path / "s"), sample=8, faces=False).numbers
    assert found["decoded"] == 8
    value, low, high = found["alike"]["expected_in_all"]
    assert low <= value < high


def test_boxes_and_alpha_say_how_large_things_are(mixed: Path, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(
        "file,x_min,y_min,x_max,y_max,part\ntrain/a/00.png,0,0,24,24,face\ntrain/b/06.png,0,0,12,12,face\n"
    )
    found = maskwright.survey(
        mixed, out=str(tmp_path / "s"), boxes=str(tmp_path / "boxes.csv"), faces=False
    ).numbers
    (face,) = found["things"]
    assert (face["name"], face["count"]) == ("face", 2)
    assert face["shares"][1] == pytest.approx((25 + 13) / 48 / 2)  # the last pixel counts
    cut_out = np.zeros((32, 32, 4), np.uint8)
    cut_out[8:24, 8:24] = 255
    (tmp_path / "alpha").mkdir()
    for name in "ab":
        Image.fromarray(cut_out).save(tmp_path / "alpha" / f"{name}.png")
    found = maskwright.survey(tmp_path / "alpha", out=str(tmp_path / "t"), faces=False).numbers
    assert found["things"][0]["shares"] == (0.5, 0.5, 0.5)


def detail(sides: tuple[int, ...]) -> Detail:
    lost = dict.fromkeys(sides, 0.1)
    return Detail(reference=96, pictures=3, energy=lost, edges=lost, structure=(0.1, 0.2, 0.3))


def test_a_larger_size_is_advised_where_things_would_be_smaller_than_a_patch() -> None:
    sides = pick_sides(200, None)
    assert sides == (192, 160, 128, 96, 64, 48)
    costs = [cost_of_size(side, "photos", FACTS) for side in sides]
    large = ObjectSizes("face", "boxes", (0.4, 0.5, 0.6), 9)
    assert advise(costs, detail(sides), [large], 200, []).cost.side == 96
    # An eye of 8 % is 7.7 pixels at 96, where a patch has 8; at 192 a patch has 16.
    usual = advise(
        costs, detail(sides), [ObjectSizes("eye", "boxes", (0.05, 0.08, 0.1), 9)], 200, []
    )
    assert usual.cost.side == 96
    assert any("no size compared changes that" in reason for reason in usual.reasons)
    small = [cost_of_size(side, "photos", FACTS) for side in (96, 48)]
    eye = ObjectSizes("eye", "boxes", (0.09, 0.1, 0.11), 9)
    better = advise(small[::-1][:1] + small[:1], detail((96, 48)), [eye], 48, [])
    assert better.cost.side == 96
    assert any(
        "smaller than a patch of 6; at 96 they are not" in reason for reason in better.reasons
    )


def test_operations_of_an_epoch_grow_with_the_patches_and_the_pictures() -> None:
    one, other = cost_of_size(96, "photos", FACTS), cost_of_size(64, "photos", FACTS)
    assert one.operations > 2 * other.operations
    assert one.seconds is not None
    twice = cost_of_size(96, "photos", Facts(2000, 96, 3, "cpu", 2))
    assert twice.operations == 2 * one.operations
    # No speed is known of other devices, and none is made up.
    assert cost_of_size(96, "photos", Facts(1000, 96, 3, "cuda", 2)).seconds is None


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["--sample", "many"], "--sample is a number such as 1000, or all"),
        (["--sizes", "4"], "sizes is at least 8"),
        (["--boxes", "none.csv"], "none.csv' does not exist"),
        (["--split", "val"], "has no split 'val'"),
    ],
)
def test_a_mistake_is_a_sentence(
    words: list[str], fragment: str, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["survey", str(mixed), "--no-faces", *words]) == 2
    assert fragment in capsys.readouterr().err


def test_a_table_of_other_pictures_is_refused(mixed: Path, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("file,x_min,y_min,x_max,y_max\nother.png,0,0,2,2\n")
    with pytest.raises(MaskwrightError, match="names none of the pictures"):
        maskwright.survey(mixed, out=str(tmp_path / "s"), boxes=str(tmp_path / "boxes.csv"))
