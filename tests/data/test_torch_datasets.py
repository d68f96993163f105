"""torch Datasets as sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from maskwright.data.sources import open_source
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
        _ = open_source(Shelf([np.zeros((4, 6, 3), dtype=np.uint8)])).fingerprint


def test_items_that_are_no_pictures_are_refused() -> None:
    with pytest.raises(MaskwrightError, match="holds a str"):
        _ = open_source(Shelf(["picture"])).fingerprint
