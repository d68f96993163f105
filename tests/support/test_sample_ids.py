"""A sample id tells which picture it is, whatever its mask."""

from __future__ import annotations

import torch

from maskwright.support.sample_ids import PICTURE_BITS, join_sample_ids, picture_ids


def test_the_first_mask_has_the_id_of_its_picture() -> None:
    pictures = torch.tensor([0, 7, (1 << PICTURE_BITS) - 1])
    assert torch.equal(join_sample_ids(pictures, torch.zeros(3, dtype=torch.int64)), pictures)


def test_every_mask_has_an_id_of_its_own_and_the_picture_in_it() -> None:
    pictures = torch.tensor([0, 7, (1 << PICTURE_BITS) - 1]).repeat(4)
    masks = torch.arange(4).repeat_interleave(3)
    ids = join_sample_ids(pictures, masks)
    assert len(ids.unique()) == 12
    assert torch.equal(picture_ids(ids), pictures)
