"""NaN is refused wherever a policy's scores are ranked, never hidden by the ranking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from maskwright.masking.catalog import build_policy
from maskwright.masking.guided import GuidedPolicy
from maskwright.masking.mixture import BlendPolicy, MixturePolicy
from maskwright.masking.policy import Policy, Scene, Traits, mask_scene
from maskwright.masking.uniform import RandomPolicy
from maskwright.masking.wrappers import ComplementPolicy, MixPolicy, TurnsPolicy
from maskwright.patches.grid import Grid
from maskwright.patches.mask import NotAScore
from maskwright.support.seeding import sample_rng

GRID = Grid(4, 4)


@dataclass(frozen=True)
class Wrong:
    """One patch of the last image has no score."""

    value: float = float("nan")
    traits: ClassVar[Traits] = Traits()

    def score(self, scene: Scene) -> Tensor:
        score = scene.rng.uniform(scene.grid.num_patches)
        score[-1, 0] = self.value
        return score


def scene(batch: int = 8) -> Scene:
    return Scene(grid=GRID, num_masked=4, rng=sample_rng(0, 0, torch.arange(batch)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "build",
    [
        lambda wrong: wrong,
        lambda wrong: MixPolicy(of=wrong, share=1.0),
        lambda wrong: MixPolicy(of=wrong, share=0.0),
        lambda wrong: MixturePolicy(parts=[RandomPolicy(), wrong], weights=[1.0, 0.0]),
        lambda wrong: BlendPolicy(parts=[RandomPolicy(), wrong]),
        lambda wrong: TurnsPolicy(of=wrong),
        lambda wrong: TurnsPolicy(of=MixPolicy(of=wrong)),
    ],
    ids=["alone", "mix", "mix of nothing", "mixture", "blend", "turns", "nested"],
)
def test_a_score_that_is_none_is_refused(build, value: float) -> None:
    policy: Policy = build(Wrong(value))
    with pytest.raises(NotAScore, match="NaN or \\+inf"):
        mask_scene(policy, scene())


@pytest.mark.parametrize("options", [{}, {"hint": 0.5}, {"temperature": 1.0}], ids=str)
def test_attention_that_is_none_is_refused(options) -> None:
    attention = torch.rand(8, 16)
    attention[0, 3] = torch.nan
    looking = replace(scene(), attention=lambda source: attention)
    with pytest.raises(NotAScore):
        mask_scene(GuidedPolicy(**options), looking)


def test_never_first_turns_into_always_first_in_a_complement() -> None:
    mask = mask_scene(ComplementPolicy(of=Wrong(-float("inf"))), scene())
    assert bool(mask.is_masked[-1, 0])
    with pytest.raises(NotAScore):
        mask_scene(ComplementPolicy(of=Wrong()), scene())


def test_off_the_cpu_the_answer_is_kept_for_one_reading_a_step(monkeypatch) -> None:
    """The device is pretended: scores of the meta device can be asked for nothing."""
    asked = scene()
    assert asked.all_checks() is None
    away = torch.zeros(8, 16, device="meta")
    assert asked.forked("part").checked(away) is away
    kept = asked.all_checks()
    assert kept is not None
    assert (kept.device.type, kept.shape) == ("meta", ())


def test_the_patches_masked_first_are_predicted_through_every_composition() -> None:
    attention = torch.arange(16.0).flip(0).expand(8, -1) / 16  # the first patch has the most
    looking = replace(scene(), attention=lambda source: attention, num_masked=8)
    for line in (
        "guided(predict=first)",
        "guided(predict=first, mix=1.0)",
        "turns(guided(predict=first))",
        "blend(1*guided(predict=first) + 0*random)",
        "1*guided(predict=first) + 0*random",
        "complement(guided(predict=first, hide=background))",
    ):
        mask = mask_scene(build_policy(line), looking, num_predicted=3)
        assert mask.predicted_ids.tolist() == [[0, 1, 2]] * 8, line


def test_a_mixture_draws_predicted_patches_at_random_for_the_part_that_wants_it_so() -> None:
    """guided asks for the patches masked first, grid for any of the masked: each image gets what
    its part asks for.
    """
    draws = 2000
    attention = torch.arange(16.0).flip(0).expand(draws, -1) / 16
    looking = replace(scene(draws), attention=lambda source: attention, num_masked=8)
    random_part = build_policy("guided(hide=salient)")
    policy = MixturePolicy(parts=[random_part, build_policy("guided(predict=first)")])
    mask = mask_scene(policy, looking, num_predicted=4)
    assert mask.masked_ids.tolist() == [list(range(8))] * draws
    ordered = mask.predicted_ids.eq(torch.arange(4)).all(1)
    assert float(ordered.float().mean()) == pytest.approx(0.5 + 0.5 / 70, abs=0.04)
    at_random = mask.predicted_ids[~ordered]
    shares = torch.stack([at_random.eq(place).any(1).float().mean() for place in range(8)])
    assert torch.allclose(shares, torch.full((8,), 0.5), atol=0.06)


def test_every_turn_predicts_what_its_policy_would_mask_first() -> None:
    """Four turns of 16 patches, 4 visible in each: the 4 patches with the most attention that are
    masked then.
    """
    attention = torch.arange(16.0).flip(0).expand(4, -1) / 16
    ids = torch.zeros(4, dtype=torch.long)
    turns = Scene(
        grid=GRID,
        num_masked=12,
        rng=sample_rng(0, 0, torch.arange(4)),
        mask_ids=torch.arange(4),
        picture_rng=sample_rng(0, 0, ids),
        attention=lambda source: attention,
    )
    mask = mask_scene(build_policy("turns(guided(predict=first))"), turns, num_predicted=4)
    assert mask.visible_ids.tolist() == [
        [12, 13, 14, 15],
        [8, 9, 10, 11],
        [4, 5, 6, 7],
        [0, 1, 2, 3],
    ]
    assert mask.predicted_ids.tolist() == [[0, 1, 2, 3]] * 3 + [[4, 5, 6, 7]]
