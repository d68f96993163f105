"""Policies that know foreground and parts: shares by hand, the curriculum at its ends, flips, and
mistakes in sentences.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from maskwright.masking.catalog import build_policy
from maskwright.masking.foreground import ForegroundPolicy
from maskwright.masking.parts import part_of_patches
from maskwright.masking.policy import PARTS, Policy, Scene, mask_scene
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng, sample_rng

GRID = Grid(4, 4)
LEFT = torch.tensor([[1.0, 0, 0, 0]] * 4)  # one column of four is foreground
SIXTHS = torch.tensor([[1.0] * 6 + [0.0] * 10]).reshape(4, 4)
FACE = torch.tensor(
    [[0.0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 0, 0, 0]]
    + [[0, 1, 1, 1, 1, 0, 0, 0]] * 2
    + [[0.0] * 8] * 4
)
EYES = torch.zeros(8, 8).index_put((torch.tensor([4, 4]), torch.tensor([2, 4])), torch.tensor(1.0))
PICTURE = {"face": FACE, "eyes": EYES}  # 12 and 2 patches, and 50 of background


def draw(
    policy: Policy,
    maps: dict[str, Tensor],
    num_masked: int,
    draws: int = 64,
    progress: float = 0.0,
    epoch: int = 0,
) -> Tensor:
    """(draws, rows, cols) masks of one picture."""
    grid = Grid(*next(iter(maps.values())).shape)
    priors = {name: one.flatten().expand(draws, -1) for name, one in maps.items()}
    rng = sample_rng(0, epoch, torch.arange(draws))
    scene = Scene(grid=grid, num_masked=num_masked, rng=rng, progress=progress, priors=priors)
    return mask_scene(policy, scene).is_masked.reshape(draws, grid.rows, grid.cols)


def draw_parts(
    line: str,
    num_masked: int = 48,
    progress: float = 0.0,
    draws: int = 400,
    maps: dict[str, Tensor] = PICTURE,
) -> Tensor:
    """(draws, 8, 8) masks of a picture with parts."""
    return draw(
        build_policy(line),
        {f"{PARTS}{name}": one for name, one in maps.items()},
        num_masked,
        draws,
        progress,
    )


def count(masks: Tensor, where: Tensor) -> Tensor:
    """How many patches of a region each mask hides."""
    return (masks & (where > 0.5)).sum((1, 2))


@pytest.mark.parametrize(
    ("line", "num_masked", "hidden"),
    [
        ("foreground(share=0.5)", 8, 4),
        ("foreground(share=0.7)", 4, 3),  # 2.8
        ("foreground(share=1)", 8, 6),  # all six, and two of the background
        ("foreground(share=0)", 12, 2),  # all ten of the background, and two
        ("foreground(heavy='proportional')", 8, 3),
        ("foreground(heavy='proportional')", 12, 4),  # 4.5 either way, see below
        ("foreground(heavy=fg)", 12, 5),  # halfway from 4.5 to 6
        ("foreground(heavy=fg, strength=1)", 12, 6),
        ("foreground(heavy=fg, strength=0)", 8, 3),
        ("foreground(heavy=bg)", 12, 3),  # halfway from 4.5 to 2: 3.25
        ("foreground(heavy=bg, strength=1)", 12, 2),
    ],
)
def test_six_patches_of_foreground_in_sixteen(line, num_masked, hidden) -> None:
    found = (
        count(draw(build_policy(line), {"foreground": SIXTHS}, num_masked), SIXTHS)
        .unique()
        .tolist()
    )
    assert found == (
        [4, 5] if line == "foreground(heavy='proportional')" and num_masked == 12 else [hidden]
    )


def test_the_numbers_in_the_description_are_right() -> None:
    shown = (torch.arange(100) < 30).float().reshape(10, 10)
    masks = draw(ForegroundPolicy(), {"foreground": shown}, 75, draws=2000)
    assert count(masks, shown).float().mean() == pytest.approx(30 * 0.875, abs=0.3)
    assert count(masks, 1 - shown).float().mean() == pytest.approx(70 * 0.696, abs=0.3)


@pytest.mark.parametrize("line", ["foreground(share=0.5)", "foreground(heavy=bg)"])
def test_inside_a_side_chance_decides(line) -> None:
    shares = draw(build_policy(line), {"foreground": SIXTHS}, 8, draws=8000).float().mean(0)
    for side in (SIXTHS > 0.5, SIXTHS < 0.5):
        assert float(shares[side].std()) < 0.01


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize(
    "line", ["foreground(share=0.9)", "foreground(heavy=fg)", "foreground(heavy=bg, strength=1)"]
)
def test_a_picture_with_one_side_alone_is_masked_at_random(line, level) -> None:
    shares = (
        draw(build_policy(line), {"foreground": torch.full((4, 4), level)}, 6, draws=8000)
        .float()
        .mean(0)
    )
    assert torch.allclose(shares, torch.full((4, 4), 6 / 16), atol=0.025)


def test_the_threshold_counts_as_foreground() -> None:
    half = LEFT * 0.5
    assert count(
        draw(build_policy("foreground(share=1)"), {"foreground": half}, 4), LEFT
    ).unique().tolist() == [4]
    assert count(
        draw(build_policy("foreground(share=1, threshold=0.2)"), {"foreground": LEFT * 0.2}, 4),
        LEFT,
    ).unique().tolist() == [4]
    assert (
        count(
            draw(build_policy("foreground(share=1, threshold=0.6)"), {"foreground": half}, 4), LEFT
        )
        .unique()
        .numel()
        > 1
    )


def test_a_share_may_be_a_schedule() -> None:
    policy = build_policy("foreground(share=0->0.5)")
    hidden = [
        int(count(draw(policy, {"foreground": SIXTHS}, 8, progress=progress), SIXTHS).unique())
        for progress in (0.0, 0.5, 1.0)
    ]
    assert hidden == [0, 2, 4]


def test_a_slow_count_of_the_shares_gives_the_same_masks() -> None:
    """For each image: the share rounded, then that many of the foreground and of the rest in the
    order of the same random bits.
    """
    maps, num_masked = sample_rng(3, 0, torch.arange(40)).uniform(63), 47
    rng = sample_rng(0, 0, torch.arange(40))
    scene = Scene(grid=Grid(7, 9), num_masked=num_masked, rng=rng, priors={"foreground": maps})
    fast = mask_scene(build_policy("foreground(share=0.61)"), scene).is_masked
    bits = rng.fork("score").bits(63) & ((1 << 40) - 1)
    for image in range(40):
        inside = [patch for patch in range(63) if maps[image, patch] >= 0.5]
        outside = [patch for patch in range(63) if maps[image, patch] < 0.5]
        hidden = min(max(round(num_masked * 0.61), num_masked - len(outside)), len(inside))
        order = lambda patch: int(bits[image, patch])  # noqa: B023, E731
        slow = (
            sorted(inside, key=order)[:hidden] + sorted(outside, key=order)[: num_masked - hidden]
        )
        assert fast[image].nonzero().flatten().tolist() == sorted(slow)


def test_soft_odds_are_those_of_drawing_without_replacement() -> None:
    """One patch of four is drawn with odds exp(map / softness)."""
    shown = torch.tensor([[1.0, 0.5, 0.0, 0.0]])
    for line, sign in (("foreground(softness=0.5)", 1), ("foreground(heavy=bg, softness=0.5)", -1)):
        shares = draw(build_policy(line), {"foreground": shown}, 1, draws=20_000).float().mean(0)
        assert torch.allclose(shares, (sign * shown / 0.5).softmax(1), atol=0.012)


class Flipped(KeyedRng):
    """The same chance with every draw of a value per patch mirrored, for grids of
    `cols` columns.
    """

    def __init__(self, keys: Tensor, cols: int, patches: int) -> None:
        super().__init__(keys)
        self.cols, self.patches = cols, patches

    def bits(self, *shape: int) -> Tensor:
        drawn = super().bits(*shape)
        return mirror(drawn, self.cols) if shape == (self.patches,) else drawn

    def fork(self, name: str) -> KeyedRng:
        return Flipped(super().fork(name)._keys, self.cols, self.patches)


def mirror(per_patch: Tensor, cols: int) -> Tensor:
    return per_patch.unflatten(1, (-1, cols)).flip(2).flatten(1)


@pytest.mark.parametrize(
    "line",
    [
        "foreground",
        "foreground(share=0.4)",
        "foreground(softness=0.3)",
        "parts(whole=0.5)",
        "parts(whole=1)",
        "part_ratios({face: 0.3})",
    ],
)
def test_mirrored_pictures_with_mirrored_chance_give_mirrored_masks(line) -> None:
    ids = torch.arange(50)
    drawn = sample_rng(1, 0, ids).integers(0, 3, 63)
    priors = {"foreground": sample_rng(2, 0, ids).uniform(63)}
    priors |= {
        f"{PARTS}{name}": (drawn == place).float() for place, name in enumerate(("face", "eyes"))
    }
    keys = sample_rng(0, 0, ids)._keys
    plain = Scene(grid=Grid(7, 9), num_masked=40, rng=KeyedRng(keys), priors=priors, progress=0.6)
    other = {name: mirror(one, 9) for name, one in priors.items()}
    flipped = Scene(
        grid=Grid(7, 9), num_masked=40, rng=Flipped(keys, 9, 63), priors=other, progress=0.6
    )
    policy = build_policy(line)
    assert torch.equal(
        mirror(mask_scene(policy, plain).is_masked, 9), mask_scene(policy, flipped).is_masked
    )


def test_gently_every_part_is_masked_at_the_ratio() -> None:
    masks = draw_parts("parts", progress=0.0, draws=4000)
    assert torch.allclose(masks.float().mean(0), torch.full((8, 8), 0.75), atol=0.03)
    for part, size in ((FACE, 12), (EYES, 2)):
        assert (count(masks, part) - 0.75 * size).abs().max() < 2


def test_in_the_end_parts_are_masked_whole_but_for_one() -> None:
    masks = draw_parts("parts", num_masked=20, progress=1.0)
    background = 1 - FACE - EYES
    sizes = torch.tensor([12, 2, 50])
    counts = torch.stack([count(masks, FACE), count(masks, EYES), count(masks, background)], 1)
    in_part = (counts > 0) & (counts < sizes)
    assert int(in_part.sum(1).max()) <= 1
    assert {tuple(row) for row in counts.tolist()} == {
        (12, 2, 6),
        (12, 0, 8),
        (0, 2, 18),
        (0, 0, 20),
    }


def test_half_way_the_two_are_added() -> None:
    """Face first and whole = 0.5: half of the 16 masked by size, 1.5 of the face, and half in turn,
    6 of it.
    """
    masks = draw_parts(
        "parts(whole=0.5, weights={face: 1, eyes: 0, background: 0})", num_masked=16, draws=4000
    )
    assert count(masks, FACE).unique().tolist() == [7, 8]
    assert float(count(masks, FACE).float().mean()) == pytest.approx(7.5, abs=0.1)


@pytest.mark.parametrize(("progress", "whole"), [(0.0, 0.0), (0.5, 0.25), (1.0, 1.0)])
def test_the_power_keeps_the_curriculum_gentle_longer(progress, whole) -> None:
    curriculum = draw_parts("parts", progress=progress)
    assert torch.equal(curriculum, draw_parts(f"parts(whole={whole})", progress=progress))


def test_weights_are_chances_to_come_first() -> None:
    masks = draw_parts(
        "parts(whole=1, weights={eyes: 3, face: 1, background: 4})", num_masked=2, draws=8000
    )
    assert float((count(masks, EYES) == 2).float().mean()) == pytest.approx(3 / 8, abs=0.02)
    assert float((count(masks, FACE) == 2).float().mean()) == pytest.approx(1 / 8, abs=0.02)


def test_protected_parts_are_visible_at_first_and_like_others_at_last() -> None:
    line = "parts(whole=0, protect=[eyes])"
    assert int(count(draw_parts(line, progress=0.0), EYES).sum()) == 0
    assert float(
        count(draw_parts(line, progress=1.0, draws=4000), EYES).float().mean()
    ) == pytest.approx(1.5, abs=0.05)
    halfway = draw_parts("parts(whole=0, protect=[face], protection=0.5)", draws=2000)
    masked_face, masked_other = (
        count(halfway, FACE).float().mean() / 12,
        count(halfway, 1 - FACE).float().mean() / 52,
    )
    assert float(masked_face / masked_other) == pytest.approx(0.5, abs=0.02)


def test_protected_parts_are_masked_when_nothing_else_is_left() -> None:
    masks = draw_parts("parts(whole=0, protect=[face, eyes])", num_masked=53, progress=0.0)
    assert (count(masks, 1 - FACE - EYES) == 50).all()


def test_ratios_by_part_are_met_and_the_rest_makes_up_the_total() -> None:
    masks = draw_parts("part_ratios({face: 0.5, eyes: 1})", num_masked=48)
    assert count(masks, FACE).unique().tolist() == [6]
    assert count(masks, EYES).unique().tolist() == [2]
    assert (count(masks, 1 - FACE - EYES) == 40).all()


def test_ratios_by_part_follow_their_schedules() -> None:
    hidden = [
        int(count(draw_parts("part_ratios({face: 0->0.5})", progress=at), FACE).unique())
        for at in (0.0, 0.5, 1.0)
    ]
    assert hidden == [0, 3, 6]


def test_ratios_that_miss_the_total_are_scaled() -> None:
    """0.8 of 12 and 0.8 of 52 would be 51.2; for 32 masked all ratios are scaled by one factor."""
    masks = draw_parts(
        "part_ratios({face: 0.8, eyes: 0.8, background: 0.8})", num_masked=32, draws=4000
    )
    assert torch.allclose(masks.float().mean(0), torch.full((8, 8), 0.5), atol=0.04)


def test_a_named_part_of_one_patch_is_masked_as_often_as_its_ratio_says() -> None:
    first, second = EYES.clone(), EYES.clone()
    first[4, 4], second[4, 2] = 0, 0
    masks = (
        draw_parts(
            "part_ratios({left: 0.3, right: 0.9})",
            draws=8000,
            maps={"left": first, "right": second},
        )
        .float()
        .mean(0)
    )
    assert float(masks[4, 2]) == pytest.approx(0.3, abs=0.02)
    assert float(masks[4, 4]) == pytest.approx(0.9, abs=0.02)


def test_named_nothing_all_patches_are_masked_at_random() -> None:
    masks = draw_parts("part_ratios", draws=4000)
    assert torch.allclose(masks.float().mean(0), torch.full((8, 8), 0.75), atol=0.03)


@pytest.mark.parametrize(
    "line", ["parts(whole=1)", "parts(protect=[face])", "part_ratios({face: 0.2})"]
)
def test_a_picture_without_parts_is_masked_at_random(line) -> None:
    nothing = {"face": torch.zeros(4, 4), "eyes": torch.zeros(4, 4)}
    shares = draw_parts(line, num_masked=6, draws=8000, maps=nothing).float().mean(0)
    assert torch.allclose(shares, torch.full((4, 4), 6 / 16), atol=0.025)


def test_a_patch_belongs_to_the_part_with_the_largest_share() -> None:
    shares = {"eyes": [0.5, 0.4, 0.3, 0.2, 0.0, 0.4], "face": [0.0, 0.4, 0.4, 0.2, 0.0, 0.6]}
    priors = {f"{PARTS}{name}": torch.tensor([row]) for name, row in shares.items()}
    scene = Scene(
        grid=Grid(2, 3), num_masked=3, rng=sample_rng(0, 0, torch.arange(1)), priors=priors
    )
    names, ids = part_of_patches(scene)
    assert [names[place] for place in ids[0]] == [
        "eyes",
        "eyes",
        "face",
        "background",
        "background",
        "face",
    ]


def test_the_order_of_the_maps_does_not_matter() -> None:
    flipped = {"eyes": EYES, "face": FACE}
    assert torch.equal(draw_parts("parts(whole=0.6)"), draw_parts("parts(whole=0.6)", maps=flipped))


@pytest.mark.parametrize("line", ["foreground", "parts", "part_ratios({face: 0.9})"])
def test_two_epochs_draw_two_masks(line) -> None:
    maps = {"foreground": FACE, "parts/face": FACE, "parts/eyes": EYES}
    first, second = (
        draw(build_policy(line), maps, 48, draws=16, progress=0.5, epoch=epoch) for epoch in (0, 1)
    )
    assert (first != second).flatten(1).any(1).all()


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("foreground(heavy=front)", "one of fg, bg, proportional"),
        ("foreground(threshold=0)", "above 0 and at most 1"),
        ("foreground(share=1.5)", "from 0 to 1"),
        ("foreground(share=uniform(0, 1))", "from 0 to 1"),
        ("foreground(heavy=bg, share=0.5)", "here heavy has no effect"),
        ("foreground(strength=1, share=0.5)", "here strength has no effect"),
        ("foreground(heavy=proportional, strength=1)", "here strength has no effect"),
        ("foreground(softness=1, share=0.5)", "here share has no effect"),
        ("foreground(softness=1, threshold=0.4)", "here threshold has no effect"),
        ("foreground(softness=1, heavy=proportional)", "here heavy has no effect"),
        ("foreground(softness=-1)", "at least 0"),
        ("parts(weights=[1, 2])", "by part"),
        ("parts(weights={face: -1})", "the weight of face"),
        ("parts(weights={face: 0->1})", "the weight of face"),
        ("parts(power=0)", "power"),
        ("parts(protect=eyes)", "list of parts"),
        ("parts(protection=0.5)", "no part to protect"),
        ("part_ratios({face: 1.1})", "the ratio of face"),
        ("part_ratios(3)", "by part"),
    ],
)
def test_a_mistake_gets_a_sentence(line, fragment) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        build_policy(line)


@pytest.mark.parametrize(
    "line", ["parts(weights={fase: 2})", "parts(protect=[fase])", "part_ratios({fase: 0.5})"]
)
def test_a_part_that_the_data_does_not_have_gets_the_list(line) -> None:
    with pytest.raises(
        MaskwrightError,
        match=r"'fase' in \w+, and the data has eyes, face, background\. Did you mean 'face'\?",
    ):
        draw_parts(line)


@pytest.mark.parametrize("line", ["foreground", "parts"])
def test_data_without_maps_are_told_how_to_make_them(line) -> None:
    with pytest.raises(MaskwrightError, match="maskwright prepare"):
        draw(build_policy(line), {"attention": FACE}, 48)
