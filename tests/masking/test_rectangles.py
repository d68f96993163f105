"""Rectangles agree with plain loops, meet the count and use the last row and column
like the first.
"""

from __future__ import annotations

import pytest
import torch

from maskwright.masking.boxes import Boxes, draw_boxes
from maskwright.masking.policy import check_fits
from maskwright.masking.rectangles import InverseBlockPolicy, MultiblockPolicy, RectanglesPolicy
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from tests.masking.conftest import build_scene


def paint_one_by_one(boxes: Boxes, image: int, grid: Grid) -> list[int]:
    """Slow reference: lay one image's rectangles in order and score each patch by the first that
    covers it, 0 for none.
    """
    count = boxes.top.shape[1]
    scores = [0] * grid.num_patches
    for turn in range(count):
        top, left, height, width = (
            int(getattr(boxes, name)[image, turn]) for name in ("top", "left", "height", "width")
        )
        for row in range(top, top + height):
            for col in range(left, left + width):
                place = row % grid.rows * grid.cols + col % grid.cols
                scores[place] = scores[place] or count - turn
    return scores


@pytest.mark.parametrize("roll", [False, True])
@pytest.mark.parametrize("grid", [Grid(7, 9), Grid(1, 12)])
def test_rectangles_agree_with_painting_one_by_one(grid, roll) -> None:
    policy, scene = RectanglesPolicy(roll=roll), build_scene(grid, grid.num_patches // 2, 8)
    chance = build_scene(grid, grid.num_patches // 2, 8).rng.uniform(24, 4)
    for image, score in enumerate(policy.score(scene)):
        areas, before = [], 0.0
        for share in chance[image, :, 0].tolist():
            left = scene.num_masked / (1 + 2 * before)
            areas.append(4 + share * max(left - 4, 0))
            before += share
        boxes = draw_boxes(
            torch.tensor([areas]), policy.aspect, chance[image : image + 1, :, 1:], grid, roll
        )
        assert score.tolist() == paint_one_by_one(boxes, 0, grid)


@pytest.mark.parametrize("roll", [False, True])
def test_a_rectangle_keeps_its_area_and_its_aspect(roll) -> None:
    chance = build_scene(Grid(40, 40), 1, 500).rng.uniform(1, 3)
    boxes = draw_boxes(torch.full((500, 1), 100.0), (0.5, 2.0), chance, Grid(40, 40), roll)
    assert float((boxes.height * boxes.width).mean()) == pytest.approx(100, abs=2)
    assert (
        0.45
        <= float((boxes.height / boxes.width).min())
        <= float((boxes.height / boxes.width).max())
        <= 2.2
    )


def test_a_rectangle_that_is_not_rolled_lies_on_the_grid() -> None:
    grid = Grid(5, 16)
    boxes = draw_boxes(
        torch.full((300, 1), 30.0),
        (0.3, 3.0),
        build_scene(grid, 1, 300).rng.uniform(1, 3),
        grid,
        roll=False,
    )
    assert bool(
        (
            (boxes.top >= 0) & (boxes.top + boxes.height <= 5) & (boxes.left + boxes.width <= 16)
        ).all()
    )


@pytest.mark.parametrize("min_area", [4, 16])
def test_rectangles_meet_the_count_where_the_reference_falls_short(draw, min_area) -> None:
    """BEiT's loop stops after ten failed tries and masks too few."""
    for num_masked in (78, 147, 176):
        counts = draw(RectanglesPolicy(min_area=min_area), Grid(14, 14), num_masked, draws=200).sum(
            (1, 2)
        )
        assert counts.unique().tolist() == [num_masked]


def test_24_rectangles_hardly_ever_leave_the_rest_to_chance() -> None:
    grid = Grid(14, 14)
    covered = (RectanglesPolicy(min_area=16).score(build_scene(grid, 147, 500)) > 0).sum(1)
    assert float((covered < 147).float().mean()) < 0.02


@pytest.mark.parametrize(
    "policy", [RectanglesPolicy(), MultiblockPolicy(), InverseBlockPolicy(roll=False)]
)
def test_the_last_row_and_column_are_masked_like_the_first(draw, policy) -> None:
    """A start drawn below rows - height never reaches the last row."""
    share = draw(policy, Grid(9, 9), 60, draws=8000).double().mean(0)
    for first, last in ((share[0], share[-1]), (share[:, 0], share[:, -1])):
        assert float((first - last).mean().abs()) < 0.02


def test_rolling_takes_away_the_center_bias(draw) -> None:
    for policy, biased in (
        (RectanglesPolicy, True),
        (MultiblockPolicy, True),
        (InverseBlockPolicy, True),
    ):
        for roll in (False, True):
            share = draw(policy(roll=roll), Grid(8, 8), 48, draws=3000).double().mean(0)
            assert (abs(float(share[0].mean() - share[3:5, 3:5].mean())) > 0.1) == (
                biased and not roll
            )


def find_rectangle(visible: torch.Tensor) -> tuple[int, int]:
    """Slow reference: height and width of the smallest box round the visible patches of
    one image.
    """
    places = visible.nonzero().tolist()
    rows, cols = [row for row, _ in places], [col for _, col in places]
    return max(rows) - min(rows) + 1, max(cols) - min(cols) + 1


@pytest.mark.parametrize("grid", [Grid(8, 8), Grid(7, 9), Grid(1, 12), Grid(5, 16)])
@pytest.mark.parametrize("num_visible", [1, 5, 8])
def test_an_inverse_block_is_one_rectangle_but_for_part_of_its_last_column(
    draw, grid, num_visible
) -> None:
    for mask in draw(
        InverseBlockPolicy(roll=False), grid, grid.num_patches - num_visible, draws=60
    ):
        height, width = find_rectangle(~mask)
        assert num_visible <= height * width < num_visible + height
        assert int((~mask).sum()) == num_visible


def test_a_rolled_inverse_block_is_the_same_shape_moved_round_the_ring(draw) -> None:
    for mask in draw(InverseBlockPolicy(), Grid(6, 6), 24, draws=40):
        shapes = {
            find_rectangle(~mask.roll((row, col), (0, 1))) for row in range(6) for col in range(6)
        }
        height, width = min(shapes, key=lambda shape: shape[0] * shape[1])
        assert 12 <= height * width < 12 + height


def test_multiblock_masks_its_blocks_before_what_is_outside_the_context() -> None:
    score = MultiblockPolicy(blocks=2, context=(0.5, 0.5)).score(build_scene(Grid(8, 8), 32, 200))
    layers = 2 + 1 + 12
    assert set(score.unique().tolist()) <= set(range(layers + 1))
    first_block = (score == layers).sum(1)
    assert 6 <= int(first_block.min()) <= int(first_block.max()) <= 16


def test_multiblock_draws_scale_and_aspect_independently() -> None:
    """The reference code uses one number for both, so that large blocks are always wide."""
    rng = build_scene(Grid(100, 100), 1, 2000).rng
    chance = rng.uniform(1, 4)
    boxes = draw_boxes(
        (0.15 + 0.05 * chance[..., 0]) * 10000,
        (0.75, 1.5),
        chance[..., 1:],
        Grid(100, 100),
        roll=False,
    )
    both = torch.stack(
        [(boxes.height * boxes.width).flatten(), (boxes.height / boxes.width).flatten()]
    )
    assert abs(float(torch.corrcoef(both)[0, 1])) < 0.1


def test_an_area_larger_than_the_count_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="use min_area of at most 8"):
        check_fits(RectanglesPolicy(min_area=9), Grid(4, 4), 8)


@pytest.mark.parametrize("aspect", [(2, 1), (0, 1), (1,), "wide", (1, float("inf"))])
def test_a_senseless_range_is_refused(aspect) -> None:
    with pytest.raises(MaskwrightError, match="aspect="):
        RectanglesPolicy(aspect=aspect)
