"""A policy's teacher: an average of the encoder by its formula, or an encoder of another size that
answers on our grid.
"""

from __future__ import annotations

import pytest
import torch

from maskwright.models.config import ModelConfig
from maskwright.models.encoder import Encoder
from maskwright.models.initialize import draw_weights
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale
from maskwright.training.teachers import OwnTeacher, Teacher

CONFIG = ModelConfig(image_size=(16, 16), patch_size=4, width=24, depth=1, heads=2)
GRID = Grid(4, 4, 4)


def encoder(seed: int) -> Encoder:
    built = Encoder(CONFIG, GRID)
    draw_weights(built, torch.Generator().manual_seed(seed))
    return built


def weight(of: Encoder) -> torch.Tensor:
    return of.patch_embed.proj.weight.detach().clone()


def test_the_average_begins_as_the_encoder_and_keeps_decay_of_itself_per_step() -> None:
    first, later = encoder(0), encoder(1)
    teacher = OwnTeacher(CONFIG, GRID, first, decay=0.9, refresh=1)
    assert torch.equal(weight(teacher.encoder), weight(first))
    teacher.follow(later, 1)
    torch.testing.assert_close(weight(teacher.encoder), 0.9 * weight(first) + 0.1 * weight(later))


def test_a_rare_renewal_moves_as_far_as_the_steps_it_stands_for() -> None:
    first, later = encoder(0), encoder(1)
    teacher = OwnTeacher(CONFIG, GRID, first, decay=0.9, refresh=5)
    for step in range(5):
        teacher.follow(later, step)
        assert torch.equal(weight(teacher.encoder), weight(first)), "not due yet"
    teacher.follow(later, 5)
    kept = 0.9**5
    torch.testing.assert_close(
        weight(teacher.encoder), kept * weight(first) + (1 - kept) * weight(later)
    )


def test_the_step_of_the_last_renewal_travels_with_the_weights() -> None:
    first, later = encoder(0), encoder(1)
    teacher = OwnTeacher(CONFIG, GRID, first, decay=0.5, refresh=3)
    teacher.follow(later, 3)
    again = OwnTeacher(CONFIG, GRID, encoder(2), decay=0.5, refresh=3)
    again.load_state_dict(teacher.state_dict())
    again.follow(encoder(3), 5)
    assert torch.equal(weight(again.encoder), weight(teacher.encoder)), "due at step 6"


@pytest.mark.parametrize("grid", [GRID, Grid(2, 3, 4)], ids=str)
def test_a_teacher_from_elsewhere_answers_on_our_grid_in_shares(grid: Grid) -> None:
    scale = PixelScale((0.5,) * 3, (0.2,) * 3)
    images = torch.randn(2, 3, *grid.image_size, generator=torch.Generator().manual_seed(0))
    paid = Teacher(encoder(0), CONFIG, scale).look(images, scale, grid)
    assert paid.shape == (2, grid.num_patches)
    torch.testing.assert_close(paid.sum(1), torch.ones(2))
    assert (paid > 0).all()


def test_a_teacher_sees_the_same_pixels_whatever_our_scale_is() -> None:
    ours, theirs = PixelScale((0.1,) * 3, (0.7,) * 3), PixelScale((0.5,) * 3, (0.2,) * 3)
    unit = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    teacher = Teacher(encoder(0), CONFIG, theirs)
    torch.testing.assert_close(
        teacher.look(ours.to_model(unit), ours, GRID),
        teacher.look(theirs.to_model(unit), theirs, GRID),
    )
