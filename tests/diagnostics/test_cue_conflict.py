"""Shape bias counts decisions as Geirhos et al. (2019) do, and the categories are found by name or
by file.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from maskwright.data.rendered.cue_names import SIXTEEN, Cues, read_cues, usual_categories
from maskwright.diagnostics.cue_conflict import CueConflict
from maskwright.diagnostics.cue_contest import match_categories
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.shape_bias import bias_difference, count_decisions, pool_categories
from maskwright.support.errors import MaskwrightError
from tests.diagnostics.pictures import MemoryPictures, bright_and_dark, raw_subject


def test_bias_is_shape_decisions_over_decisions_for_either_cue() -> None:
    shapes, textures = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([1, 1, 2, 0, 1])
    found = count_decisions(torch.tensor([0, 1, 0, 2, 2]), shapes, textures, ("a", "b", "c"))
    assert found.bias.value == pytest.approx(3 / 4)
    assert found.shape.value == pytest.approx(3 / 5)
    assert found.texture.value == pytest.approx(1 / 5)
    assert found.by_shape["a"].value == pytest.approx(2 / 3)
    assert math.isnan(found.by_shape["b"].value)
    assert found.decided == {"a": 3, "b": 0, "c": 1}
    assert found.bias.low <= found.bias.value <= found.bias.high


def test_biases_are_compared_over_the_same_pictures() -> None:
    ours, theirs = "ssst-" * 20, "st-t-" * 20
    difference = bias_difference(ours, theirs)
    assert difference.value == pytest.approx(3 / 4 - 1 / 3)
    assert 0 < difference.low < difference.value < difference.high
    same = bias_difference(ours, ours)
    assert (same.low, same.high) == (0, 0)
    assert math.isnan(bias_difference(ours, "-" * 100).value)


def test_a_category_takes_its_largest_or_its_mean_chance() -> None:
    scores = torch.log(torch.tensor([[0.4, 0.3, 0.3]]))
    members = ((0,), (1, 2))
    assert pool_categories(scores, members, "max")[0].tolist() == pytest.approx([0.4, 0.3])
    assert pool_categories(scores, members, "mean")[0].tolist() == pytest.approx([0.4, 0.3])
    assert pool_categories(scores, ((0, 1), (2,)), "mean")[0].tolist() == pytest.approx([0.35, 0.3])


def test_names_of_the_published_pictures_are_read() -> None:
    one = read_cues(["style-transfer/airplane/airplane1-bicycle2.webp"])[0]
    assert one == Cues("airplane", "bicycle", "airplane1", "bicycle2")


def test_names_that_do_not_parse_are_told(tmp_path: Path) -> None:
    with pytest.raises(
        MaskwrightError,
        match=r"1 of 2 cue-conflict names do not parse, for example 'edges/cat/cat1.png'",
    ):
        read_cues(["cat/cat1-dog2.png", "edges/cat/cat1.png"])


def test_a_table_says_the_cues_of_pictures_with_other_names(tmp_path: Path) -> None:
    table = tmp_path / "cues.csv"
    table.write_text("file,shape,texture\n1.png,cat,dog\n2.png,dog,dog\n")
    assert read_cues(["any/1.png", "any/2.png"], str(table)) == [
        Cues("cat", "dog"),
        Cues("dog", "dog"),
    ]
    with pytest.raises(MaskwrightError, match=r"no line for 1 of 1 pictures, for example '3.png'"):
        read_cues(["3.png"], str(table))
    table.write_text("file,shape\n1.png,cat\n")
    with pytest.raises(MaskwrightError, match="lacks the column 'texture'"):
        read_cues(["1.png"], str(table))


def stimuli() -> MemoryPictures:
    pictures = bright_and_dark(4)
    keys = (
        "dark/dark1-bright1.png",
        "bright/bright1-dark1.png",
        "dark/dark2-dark1.png",
        "dark/dark3-cow1.png",
    )
    return MemoryPictures(pictures.images, pictures.labels, (), keys)


def test_agreeing_and_unknown_cues_are_left_out_and_decisions_follow_the_probe() -> None:
    material = DiagnosticPictures(test=bright_and_dark(10, seed=1), extra={"stimuli": stimuli()})
    findings = CueConflict(decode=False).measure(raw_subject(bright_and_dark(40)), material)
    numbers = dict(findings)
    assert numbers["pictures"] == 2
    assert numbers["shape bias"].value == 1
    assert "says little" in findings.notes[0]


def test_a_file_maps_classes_to_categories(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    file.write_text("class,category\ndark,night\nbright,day\n")
    pictures = MemoryPictures(
        bright_and_dark(2).images, torch.zeros(2), (), ("n/night1-day1.png", "d/day1-night1.png")
    )
    material = DiagnosticPictures(test=bright_and_dark(10, seed=1), extra={"stimuli": pictures})
    subject = raw_subject(bright_and_dark(40))
    assert (
        dict(CueConflict(mapping=str(file), decode=False).measure(subject, material))[
            "shape bias"
        ].value
        == 1
    )
    with pytest.raises(MaskwrightError, match=r"share 0 categories and at least two are needed"):
        CueConflict(decode=False).measure(subject, material)


def test_ships_of_stl_are_boats() -> None:
    subject = raw_subject(bright_and_dark(20))
    contest = match_categories(
        [Cues("boat", "car")],
        subject.probe,
        ("ship", "automobile"),
        {"ship": "boat", "automobile": "car"},
    )
    assert contest.describe() == {"boat": ["ship"], "car": ["automobile"]}


def test_decoding_tests_on_drawings_it_was_not_fitted_on() -> None:
    rng = torch.Generator().manual_seed(0)
    drawings = torch.randint(0, 256, (8, 3, 16, 16), generator=rng)
    keys = [
        f"{shape}{at}-{texture}{copy}.png"
        for at in range(4)
        for shape in ("cat", "dog")
        for texture in ("oak", "tar")
        for copy in range(4)
    ]
    images = torch.stack([drawings[at] for at in range(8) for _ in range(8)]).to(torch.uint8)
    pictures = MemoryPictures(images, torch.zeros(len(keys)), (), tuple(keys))
    material = DiagnosticPictures(test=bright_and_dark(10), extra={"stimuli": pictures})
    subject = raw_subject(
        MemoryPictures(bright_and_dark(40).images, bright_and_dark(40).labels, ("cat", "oak"))
    )
    subject_numbers = dict(CueConflict().measure(subject, material))
    assert (
        subject_numbers["shape decoded"].value < 1
    )  # picture by picture it would be perfect: each drawing occurs eight times


def test_every_usual_category_is_one_of_the_sixteen() -> None:
    assert set(usual_categories({}).values()) <= set(SIXTEEN)
