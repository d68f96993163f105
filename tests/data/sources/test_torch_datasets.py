"""torch Datasets as sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from maskwright.data.sources.open import open_source
from maskwright.support.errors import MaskwrightError


class Shelf(torch.utils.data.Dataset[Any]):
    """A list as a Dataset."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def test_pil_items_with_labels() -> None:
    source = open_source(
        Shelf([(Image.new("RGB", (6, 4), (at, 0, 0)), 10 - at) for at in range(3)])
    )
    assert source.read(2)[0, 0].tolist() == [2, 0, 0]
    assert source.read(2).shape == (4, 6, 3)
    assert source.labels == [2, 1, 0]
    assert source.classes == ["8", "9", "10"]
    assert source.name == "shelf"


def test_float_tensor_items_without_labels() -> None:
    source = open_source(Shelf([torch.full((3, 4, 6), value) for value in (0.0, 0.5, 1.0)]))
    assert source.read(1)[0, 0].tolist() == [128, 128, 128]
    assert source.labels is None


def test_the_fingerprint_follows_the_items() -> None:
    one, two = (open_source(Shelf([np.full((5, 6, 3), value, dtype=np.uint8)])) for value in (1, 2))
    assert one.fingerprint != two.fingerprint


def test_an_item_of_ambiguous_layout_gets_a_sentence() -> None:
    with pytest.raises(MaskwrightError, match=r"item 0.*does not tell where the channels are"):
        open_source(Shelf([np.zeros((4, 6, 3), dtype=np.uint8)])).read(0)


def test_items_that_are_no_pictures_are_refused() -> None:
    with pytest.raises(MaskwrightError, match="holds a str"):
        _ = open_source(Shelf(["picture"])).fingerprint


def test_pictures_drawn_by_chance_are_told_and_a_key_stands_for_them() -> None:
    class Noise(Shelf):
        def __getitem__(self, index: int) -> Any:
            return np.random.default_rng().integers(0, 256, (5, 6, 3), dtype=np.uint8)

    noise = Noise([None] * 20)
    source = open_source(noise)
    assert source.fingerprint != open_source(noise).fingerprint
    assert any("other pictures each time" in note for note in source.notes)
    noise.fingerprint = "noise 1"
    assert open_source(noise).fingerprint == open_source(noise).fingerprint
    assert "stands for them" in open_source(noise).notes[0]
    before = open_source(noise).fingerprint
    noise.fingerprint = "noise 2"
    assert open_source(noise).fingerprint != before


def test_the_same_pictures_each_time_need_no_note() -> None:
    assert (
        open_source(Shelf([np.full((5, 6, 3), at, dtype=np.uint8) for at in range(9)])).notes == ()
    )


def test_a_key_that_is_no_text_gets_a_sentence() -> None:
    shelf = Shelf([np.zeros((5, 6, 3), dtype=np.uint8)])
    shelf.fingerprint = 3
    with pytest.raises(MaskwrightError, match=r"attribute fingerprint .* is a text"):
        _ = open_source(shelf).fingerprint


def test_items_of_which_only_some_have_labels_are_refused() -> None:
    picture = np.zeros((5, 6, 3), dtype=np.uint8)
    with pytest.raises(MaskwrightError, match=r"Item 1 .* has no label"):
        _ = open_source(Shelf([(picture, 0), (picture, "b")])).labels
