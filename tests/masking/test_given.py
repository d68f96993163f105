"""Given masks come first, the count stays exact, and pixels become patches by exact area."""

from __future__ import annotations

import pytest
import torch

from maskwright.masking.given import (
    GivenPolicy,
    check_given,
    cover_patches,
    given_ratio,
    measure_cover,
)
from maskwright.masking.policy import Scene, check_fits, mask_scene
from maskwright.masking.wrappers import MixPolicy
from maskwright.patches.grid import Grid
from maskwright.patches.mask import visible_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng

LEFT = torch.tensor([[1, 1, 0, 0]] * 4, dtype=torch.bool)


@pytest.mark.parametrize("num_masked", [5, 8, 12])
def test_a_given_mask_is_filled_or_cut_to_the_count(draw, num_masked) -> None:
    masks = draw(GivenPolicy(masks=LEFT), Grid(4, 4), num_masked)
    inside = masks[:, LEFT].sum(1)
    assert inside.unique().tolist() == [min(8, num_masked)]
    assert masks.sum((1, 2)).unique().tolist() == [num_masked]


def test_the_ratio_of_a_given_mask_gives_it_back_exactly(draw) -> None:
    num_masked = 16 - visible_count(16, given_ratio(LEFT))
    assert torch.equal(
        draw(GivenPolicy(masks=LEFT), Grid(4, 4), num_masked, draws=3), LEFT.expand(3, -1, -1)
    )


def test_the_ratio_of_masks_that_differ_is_their_mean() -> None:
    assert given_ratio(torch.tensor([[1, 0, 0, 0], [1, 1, 1, 0]], dtype=torch.bool)) == 0.5


def test_larger_numbers_are_masked_first(draw) -> None:
    masks = draw(GivenPolicy(masks=torch.arange(16.0).reshape(4, 4)), Grid(4, 4), 4)
    assert bool(masks[:, 3].all())


def test_by_chance_every_mask_of_a_set_is_used(draw) -> None:
    masks = draw(
        GivenPolicy(masks=torch.eye(4, dtype=torch.bool)), Grid(2, 2), 1, draws=400
    ).flatten(1)
    assert int(masks.sum(0).min()) > 60


EYE = torch.eye(4, dtype=torch.bool)


def _scene(keys: list[str] | None) -> Scene:
    ids = torch.arange(3 if keys is None else len(keys)) + (1 << 40)
    return Scene(
        grid=Grid(2, 2), num_masked=1, rng=sample_rng(0, 0, ids), sample_ids=ids, keys=keys
    )


def _masked(policy: GivenPolicy, keys: list[str]) -> list[int]:
    return mask_scene(policy, _scene(keys)).masked_ids.flatten().tolist()


def test_by_sample_a_picture_has_the_mask_of_its_row_whatever_its_number() -> None:
    policy = GivenPolicy(masks=EYE, choose="by_sample")
    assert _masked(policy, ["row 2", "row 0", "item 2"]) == [2, 0, 2]


def test_by_sample_a_picture_has_the_mask_of_its_path_or_else_its_name() -> None:
    names = ["cat/1.png", "dog/1.png", "dog/2.png", "3.npy"]
    policy = GivenPolicy(masks=EYE, choose="by_sample", names=names)
    assert _masked(policy, ["dog/1.jpg", "cat/1.jpg", "x/3.webp", "x/2.jpg"]) == [1, 0, 3, 2]
    with pytest.raises(MaskwrightError, match=r"none for the picture 'x/1.jpg'"):
        policy.score(_scene(["x/1.jpg"]))


def test_a_sample_without_a_mask_is_reported() -> None:
    with pytest.raises(MaskwrightError, match="none for the picture 'row 4'"):
        GivenPolicy(masks=EYE, choose="by_sample").score(_scene(["row 4"]))


def test_by_sample_says_when_there_are_no_pictures() -> None:
    with pytest.raises(MaskwrightError, match="needs to know the name of each picture"):
        GivenPolicy(masks=EYE, choose="by_sample").score(_scene(None))


def test_two_pictures_never_share_a_mask_by_sample() -> None:
    policy = GivenPolicy(masks=EYE, choose="by_sample", names=["1.png", "2.png", "3.png", "4.png"])
    with pytest.raises(MaskwrightError, match=r"'cat/1.jpg' and 'dog/1.jpg' would share one mask"):
        check_given(policy, ["cat/1.jpg", "dog/1.jpg"])
    check_given(MixPolicy(of=policy, share=0.5), ["cat/1.jpg", "dog/2.jpg"])


def test_names_fit_the_masks() -> None:
    with pytest.raises(MaskwrightError, match="a name for each of its 4 masks; got 2"):
        GivenPolicy(masks=EYE, choose="by_sample", names=["a.png", "b.png"])
    with pytest.raises(MaskwrightError, match="several masks named 'a'"):
        GivenPolicy(masks=EYE, choose="by_sample", names=["a.png", "a.npy", "b.png", "c.png"])


def test_a_mask_of_another_grid_is_refused_with_its_shape() -> None:
    with pytest.raises(MaskwrightError, match="shape 4x4 does not fit a 8x8 grid"):
        check_fits(GivenPolicy(masks=LEFT), Grid(8, 8), 48)


@pytest.mark.parametrize("masks", [torch.zeros(3), torch.tensor([[torch.nan, 0]]), [[0, 1]]])
def test_what_is_no_mask_is_refused(masks) -> None:
    with pytest.raises(MaskwrightError, match="Policy 'given' needs"):
        GivenPolicy(masks=masks)


def test_pixels_that_do_not_divide_count_by_shared_area() -> None:
    pixels = torch.zeros(1, 3, 3)
    pixels[0, 1, 1] = (
        1  # the middle pixel gives a quarter of itself to each of 2x2 patches of 2.25 pixels
    )
    torch.testing.assert_close(measure_cover(pixels, Grid(2, 2)), torch.full((1, 4), 0.25 / 2.25))


def test_area_agrees_with_counting_pixels_one_by_one() -> None:
    pixels = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0)) < 0.4
    for image, share in enumerate(measure_cover(pixels, Grid(3, 4))):
        counted = [
            float(pixels[image, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].float().mean())
            for r in range(3)
            for c in range(4)
        ]
        assert share.tolist() == pytest.approx(counted)


@pytest.mark.parametrize(
    ("cover", "wanted"), [("any", [0, 1, 1, 1]), ("half", [0, 0, 1, 1]), ("all", [0, 0, 0, 1])]
)
def test_a_patch_is_masked_where_any_half_or_all_of_it_is_covered(cover, wanted) -> None:
    pixels = torch.zeros(1, 2, 8, dtype=torch.bool)
    pixels[0, 0, 2] = pixels[0, 0, 4:6] = pixels[0, :, 6:] = True
    assert cover_patches(pixels, Grid(1, 4), cover).int().tolist() == [wanted]


def test_an_empty_or_full_mask_has_no_ratio() -> None:
    with pytest.raises(MaskwrightError, match="leave some visible"):
        given_ratio(torch.ones(2, 4, dtype=torch.bool))
