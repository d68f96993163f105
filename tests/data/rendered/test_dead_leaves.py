"""Dead leaves depend on settings, split and index alone, and look like no flat noise."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from maskwright.data.rendered.dead_leaves import DeadLeavesSource, open_dead_leaves
from maskwright.data.sources.open import open_source
from maskwright.data.sources.source import Source
from maskwright.support.errors import MaskwrightError


def test_a_picture_depends_on_settings_split_and_index_alone() -> None:
    few, many = open_source("dead-leaves:n=3,size=24"), open_source("dead-leaves:n=30,size=24")
    assert isinstance(few, Source)
    assert isinstance(few, DeadLeavesSource)
    assert all(np.array_equal(few.read(at), many.read(at)) for at in (2, 0, 1))
    others = (
        open_source("dead-leaves:n=3,size=24,seed=1"),
        open_source("dead-leaves:n=3,size=24", split="test"),
        open_source("dead-leaves:n=3,size=24,leaves=5"),
    )
    for other in others:
        assert not np.array_equal(few.read(0), other.read(0))
        assert few.fingerprint != other.fingerprint
    assert few.labels is None


def test_the_rendering_is_that_of_its_version() -> None:
    # Models of the zoo were trained on these pictures: whoever changes them counts _VERSION up.
    source = open_dead_leaves("dead-leaves:n=60,size=40")
    pixels = b"".join(source.read(at).tobytes() for at in range(3))
    assert (
        hashlib.md5(pixels, usedforsecurity=False).hexdigest() == "1d30a89a3b1132b73050d5d7daa19a83"
    )


def test_pictures_have_edges_at_many_scales_as_photographs_have() -> None:
    source = open_dead_leaves("dead-leaves:n=40,size=64")
    power = np.zeros((64, 33))
    for at in range(40):
        gray = source.read(at).mean(2) / 255
        power += np.abs(np.fft.rfft2(gray - gray.mean())) ** 2
    rows = np.minimum(np.arange(64), 64 - np.arange(64))
    radius = np.hypot(rows[:, None], np.arange(33)[None])
    bands = [power[(radius >= low) & (radius < 2 * low)].mean() for low in (2, 4, 8)]
    slopes = np.log2(np.array(bands[1:]) / np.array(bands[:-1]))
    # Power falls with about the square of the frequency (Field 1987); noise has a slope of 0.
    assert ((slopes < -1.2) & (slopes > -3.2)).all()


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("dead-leaves:leafs=3", "Did you mean 'leaves'"),
        ("dead-leaves:n=many", "n is a number"),
        ("dead-leaves:leaves=0", "leaves"),
    ],
)
def test_a_mistake_gives_a_sentence(text: str, fragment: str) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        open_source(text)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="no split 'val'"):
        open_source("dead-leaves", split="val")
