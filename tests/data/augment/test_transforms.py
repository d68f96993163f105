"""Crops and flips: legal boxes, exact geometry, chance that depends on the sample alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from maskwright.data.augment.transforms import Augment, CropBox, CropBoxes, evaluation_view
from maskwright.support.errors import MaskwrightError


def _draw(
    augment: Augment,
    height: int,
    width: int,
    count: int = 500,
    epoch: int = 0,
    ids: Tensor | None = None,
) -> CropBoxes:
    ids = torch.arange(count) if ids is None else ids
    sides = [torch.full((len(ids),), side) for side in (height, width)]
    return augment.draw(sides[0], sides[1], seed=3, epoch=epoch, sample_ids=ids)


@pytest.mark.parametrize("sides", [(40, 60), (60, 40), (7, 7), (200, 3), (1, 1)])
@pytest.mark.parametrize("crop", ["random", "center", "stretch"])
def test_every_box_lies_inside_the_picture(sides: tuple[int, int], crop: str) -> None:
    boxes = _draw(Augment(size=(16, 24), crop=crop), *sides)
    assert boxes.top.min() >= 0
    assert boxes.left.min() >= 0
    assert min(boxes.height.min(), boxes.width.min()) >= 1
    assert (boxes.top + boxes.height).max() <= sides[0]
    assert (boxes.left + boxes.width).max() <= sides[1]


def test_random_boxes_keep_to_scale_and_ratio() -> None:
    boxes = _draw(Augment(size=(32, 32), scale=(0.3, 0.5)), 300, 400)
    share, ratio = boxes.height * boxes.width / (300 * 400), boxes.width / boxes.height
    assert share.min() > 0.295
    assert share.max() < 0.505
    assert ratio.min() > 0.74
    assert ratio.max() < 1.35
    assert share.std() > 0.03
    assert (ratio.log().mean()).abs() < 0.05


def test_a_wide_size_takes_wide_boxes() -> None:
    boxes = _draw(Augment(size=(16, 64)), 300, 1200)
    assert (boxes.width / boxes.height).median() == pytest.approx(4, rel=0.15)


def test_places_reach_every_border() -> None:
    boxes = _draw(Augment(size=(8, 8), scale=(0.5, 0.5), ratio=(1, 1)), 10, 10)
    assert boxes.top.unique().tolist() == [0, 1, 2, 3]
    assert boxes.left.unique().tolist() == [0, 1, 2, 3]


def test_half_of_the_pictures_are_flipped_or_none() -> None:
    assert _draw(Augment(size=(8, 8)), 9, 9).flip.float().mean() == pytest.approx(0.5, abs=0.07)
    assert not _draw(Augment(size=(8, 8), flip=False), 9, 9).flip.any()


def test_a_sample_draws_the_same_box_in_any_batch_and_another_in_the_next_epoch() -> None:
    augment = Augment(size=(8, 8))
    together, alone = (
        _draw(augment, 50, 50).to_list(),
        _draw(augment, 50, 50, ids=torch.tensor([17])).to_list(),
    )
    assert together[17] == alone[0]
    assert together[17] != _draw(augment, 50, 50, epoch=1).to_list()[17]


def test_switching_the_flip_off_does_not_move_the_boxes() -> None:
    one, two = (_draw(Augment(size=(8, 8), flip=flip), 50, 50) for flip in (True, False))
    assert torch.equal(one.top, two.top)
    assert torch.equal(one.width, two.width)


def test_the_evaluation_view_is_the_largest_centered_box() -> None:
    boxes = _draw(evaluation_view((32, 32)), 40, 60, count=1).to_list()
    assert boxes[0] == CropBox(top=0, left=10, height=40, width=40, flip=False)


def test_stretching_takes_the_whole_picture() -> None:
    assert _draw(Augment(size=(32, 32), crop="stretch", flip=False), 40, 60, count=1).to_list()[
        0
    ] == CropBox(0, 0, 40, 60, False)


def test_a_box_of_the_wanted_size_copies_pixels_and_a_flip_mirrors_them() -> None:
    image = torch.arange(3 * 6 * 7, dtype=torch.uint8).view(3, 6, 7)
    part = image[:, 1:5, 2:6]
    assert torch.equal(CropBox(1, 2, 4, 4, False).apply(image, (4, 4)), part)
    assert torch.equal(CropBox(1, 2, 4, 4, True).apply(image, (4, 4)), part.flip(-1))


def test_a_map_moves_with_its_picture() -> None:
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)
    image[:, 10:30, 40:60] = 255
    box = CropBox(5, 20, 40, 44, True)
    moved, mapped = (
        box.apply(image, (32, 32)),
        box.apply(image[:1].float() / 255, (32, 32), "bilinear"),
    )
    assert ((moved[0] > 127) == (mapped[0] > 0.5)).float().mean() > 0.98
    assert 0.1 < mapped.mean() < 0.5


def test_shrinking_is_antialiased() -> None:
    stripes = torch.zeros(1, 64, 64, dtype=torch.uint8)
    stripes[:, :, ::2] = 255
    small = CropBox(0, 0, 64, 64, False).apply(stripes, (16, 16))
    assert (small[:, :, 2:-2].int() - 127).abs().max() <= 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"crop": "centre"}, "crop is one of random, center, stretch; got 'centre'"),
        ({"scale": (0.5, 0.2)}, "scale is two shares"),
        ({"scale": (0.0, 1.0)}, "scale is two shares"),
        ({"ratio": (2.0, 1.0)}, "ratio is two aspect ratios"),
        ({"size": (0, 8)}, "at least 1x1"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(MaskwrightError, match=said):
        Augment(**{"size": (8, 8), **options})
