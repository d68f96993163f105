"""The batched path for tiny pictures agrees with cutting them one by one."""

from __future__ import annotations

import pytest
import torch

from maskwright.data.augment.tiny import crop_tiny
from maskwright.data.augment.transforms import Augment


@pytest.mark.parametrize("size", [(32, 32), (24, 40), (8, 8)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_equals_the_single_path_within_one_level(
    size: tuple[int, int], interpolation: str, channels: int
) -> None:
    images = torch.randint(
        0,
        256,
        (40, 28, 36, channels),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(0),
    )
    augment = Augment(size=size, interpolation=interpolation)
    boxes = augment.draw(
        torch.full((40,), 28), torch.full((40,), 36), seed=0, epoch=0, sample_ids=torch.arange(40)
    )
    batched = crop_tiny(images, boxes, size, augment.interpolation)
    for index, box in enumerate(boxes.to_list()):
        exact = (
            box.apply(images[index].permute(2, 0, 1).float(), size, augment.interpolation)
            .round()
            .clamp(0, 255)
        )
        assert (batched[index].float() - exact).abs().max() <= 1


def test_whole_pictures_of_the_wanted_size_come_back_exactly() -> None:
    images = torch.randint(
        0, 256, (4, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    sides = torch.full((4,), 32)
    boxes = Augment(size=(32, 32), crop="center", flip=False).draw(
        sides, sides, seed=0, epoch=0, sample_ids=torch.arange(4)
    )
    assert torch.equal(crop_tiny(images, boxes, (32, 32), "bicubic"), images.permute(0, 3, 1, 2))
