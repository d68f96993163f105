"""Accuracy curves and their areas on pictures whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskwright.diagnostics.curve import relative_area
from maskwright.diagnostics.diagnostic import DiagnosticPictures
from maskwright.diagnostics.passes import Highpass, Lowpass
from maskwright.support.errors import MaskwrightError
from tests.diagnostics.pictures import MemoryPictures, bright_and_dark, raw_subject


def test_area_is_one_where_nothing_is_lost_and_half_on_a_straight_way_to_chance() -> None:
    curves = np.array([[0.9, 0.9, 0.9], [0.9, 0.5, 0.1], [0.9, 0.1, 0.1]])
    assert relative_area(curves, 0.1) == pytest.approx([1.0, 0.5, 0.25])


def test_area_of_a_draw_whose_clean_accuracy_is_chance_does_not_exist() -> None:
    assert np.isnan(relative_area(np.array([[0.1, 0.1]]), 0.1)).all()


def test_brightness_survives_blur_and_high_pass_because_the_mean_is_kept() -> None:
    subject, material = (
        raw_subject(bright_and_dark(40)),
        DiagnosticPictures(test=bright_and_dark(30, seed=1)),
    )
    for question in (Lowpass(sigmas=[1, 4], cutoffs=[2]), Highpass(cutoffs=[2])):
        numbers = dict(question.measure(subject, material))
        assert all(value.value == 1 for name, value in numbers.items() if name != "chance")
        assert numbers["chance"] == 0.5


def test_fine_stripes_are_lost_to_blur_and_not_to_high_pass() -> None:
    """Each noise is shown under both stripes: pictures that only the stripes tell apart get one
    answer once those are gone.
    """
    subject, material = raw_subject(striped(20)), DiagnosticPictures(test=striped(20, seed=1))
    low = dict(Lowpass(sigmas=[3], cutoffs=[2]).measure(subject, material))
    high = dict(Highpass(cutoffs=[2]).measure(subject, material))
    assert low["clean"].value == 1
    # of 15,360 bytes about 17 round differently under the two stripes, which may turn a pair that
    # stands on the edge
    assert low["blur 3"].value == pytest.approx(0.5, abs=0.05)
    assert low["low-pass 2"].value == 0.5
    assert high["high-pass 2"].value == 1


def striped(noises: int, seed: int = 0) -> MemoryPictures:
    """Pictures (2 x noises, 3, 16, 16) with stripes of two pixels, down or across, over
    each noise.

    A half stripe lies at either edge: mirrored there, as blur does, the stripes go on evenly. A
    whole one would become twice as wide and survive the blur as a dark or bright margin, which
    tells the classes apart.
    """
    stripe = torch.tensor([0, 120, 120, 0]).repeat(4)
    down, across = stripe.expand(16, 16), stripe[:, None].expand(16, 16)
    noise = torch.randint(
        0, 30, (noises, 1, 3, 16, 16), generator=torch.Generator().manual_seed(seed)
    )
    images = (noise + torch.stack([down, across])[:, None]).flatten(0, 1)  # (2 x noises, 3, 16, 16)
    return MemoryPictures(images.to(torch.uint8), torch.arange(2 * noises) % 2)


def test_an_encoder_at_chance_has_no_area_and_says_so() -> None:
    train = bright_and_dark(40)
    test = bright_and_dark(20)
    turned = MemoryPictures(test.images, 1 - test.labels)
    findings = Lowpass(sigmas=[1], cutoffs=[]).measure(
        raw_subject(train), DiagnosticPictures(test=turned)
    )
    assert "not above chance" in findings.notes[0]
    assert findings.to_dict()["numbers"]["area blur"]["value"] is None


def test_cutoffs_that_keep_everything_are_left_out() -> None:
    findings = Lowpass(sigmas=[], cutoffs=[64, 4]).measure(
        raw_subject(bright_and_dark(20)), DiagnosticPictures(test=bright_and_dark(10))
    )
    assert list(findings.tables["curves"]["low-pass, cycles per image"]["steps"]) == ["clean", "4"]


@pytest.mark.parametrize(
    "options", [{"sigmas": 3}, {"sigmas": [-1]}, {"cutoffs": ["a"]}, {"sigmas": [], "cutoffs": []}]
)
def test_options_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(MaskwrightError):
        Lowpass(**options)
