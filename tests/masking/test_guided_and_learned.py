"""Policies that look: attention, remembered and predicted losses, and networks that learn what to
mask.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from maskwright.masking.catalog import build_policy
from maskwright.masking.contract import check_policy
from maskwright.masking.guided import GuidedPolicy
from maskwright.masking.hard import LossMemory, picture_places
from maskwright.masking.learned import mean_similarity, share_divergence
from maskwright.masking.policy import Scene, Traits, mask_scene
from maskwright.masking.stateful import (
    Feedback,
    PolicyContext,
    PolicySettings,
    flops_of,
    initialize_policy,
    stateful_policies,
)
from maskwright.models.scorer import Scorer
from maskwright.patches.grid import Grid
from maskwright.patches.mask import take
from maskwright.patches.pixels import PixelScale
from maskwright.schedules import Constant
from maskwright.support.errors import MaskwrightError
from maskwright.support.sample_ids import picture_ids
from maskwright.support.seeding import sample_rng
from maskwright.training.masker import Masker, MaskerSettings

GRID = Grid(4, 6, 2)
COUNT = GRID.num_patches
WHOLE = torch.tensor([[0.0, 0.0, 1.0, 1.0, 0.0]])


def scene(
    batch: int = 8,
    num_masked: int = 12,
    attention: Tensor | None = None,
    seed: int = 0,
    **more: object,
) -> Scene:
    ids = torch.arange(batch)
    rng = sample_rng(seed, 0, ids)
    looks = None if attention is None else lambda source: attention
    images = rng.fork("images").normal(3, *GRID.image_size)
    known = {
        "sample_ids": ids,
        "images": images,
        "views": WHOLE.expand(batch, -1),
        "training": True,
    }
    return Scene(grid=GRID, num_masked=num_masked, rng=rng, attention=looks, **{**known, **more})  # type: ignore[arg-type]


def context(pictures: int = 8) -> PolicyContext:
    return PolicyContext(
        grid=GRID,
        num_pictures=pictures,
        build_scorer=lambda width, depth: Scorer(GRID, 12, width=width, depth=depth, heads=4),
    )


def built(line: str) -> Any:
    (learner,) = stateful_policies(initialize_policy(build_policy(line), context()))
    return learner


ATTENTION = (
    torch.arange(COUNT).float().flip(0).expand(8, -1) / COUNT
)  # the first patch has the most


def test_the_most_attended_patches_are_masked_or_the_least() -> None:
    high = mask_scene(GuidedPolicy(hide="salient"), scene(attention=ATTENTION))
    low = mask_scene(GuidedPolicy(hide="background"), scene(attention=ATTENTION))
    assert torch.equal(high.masked_ids, torch.arange(12).expand(8, -1))
    assert torch.equal(low.masked_ids, torch.arange(12, 24).expand(8, -1))


def test_at_temperature_one_patches_are_drawn_in_proportion_to_attention() -> None:
    """Without replacement: the share of the first draw is the attention's share; chances of two
    draws are worked out by hand.
    """
    share = torch.tensor([0.5, 0.25, 0.15, 0.1])
    grid, draws = Grid(1, 4), 20000
    for hide, sign in (("salient", 1), ("background", -1)):
        chance = share**sign / (share**sign).sum()
        one = Scene(
            grid=grid,
            num_masked=1,
            rng=sample_rng(0, 0, torch.arange(draws)),
            attention=lambda _: share.expand(draws, -1),
        )
        two = replace(one, num_masked=2, cache={})
        policy = GuidedPolicy(hide=hide, temperature=1.0)  # type: ignore[arg-type]
        assert torch.allclose(mask_scene(policy, one).is_masked.float().mean(0), chance, atol=0.015)
        both = chance + torch.stack(
            [
                sum(chance[j] * chance[i] / (1 - chance[j]) for j in range(4) if j != i)
                for i in range(4)
            ]
        )
        assert torch.allclose(mask_scene(policy, two).is_masked.float().mean(0), both, atol=0.015)


def test_attention_of_zero_can_still_be_drawn() -> None:
    """Weights of zero everywhere leave nothing to draw by, yet the count is exact."""
    empty = torch.zeros(8, COUNT)
    empty[:, 0] = 1
    assert mask_scene(GuidedPolicy(temperature=1.0), scene(attention=empty)).num_masked == 12


def test_hints_show_a_share_of_what_comes_first_and_the_count_stays() -> None:
    mask = mask_scene(GuidedPolicy(hint=0.25), scene(batch=8, attention=ATTENTION))
    hidden_of_first = mask.is_masked[:, :6].sum(1)  # 0.25 of 24 come first, 0.25 of 12 are shown
    assert hidden_of_first.tolist() == [3] * 8
    assert mask.is_masked[:, 6:15].all()
    assert len({tuple(row) for row in mask.is_masked[:, :6].tolist()}) > 1


def test_thrown_patches_are_the_least_attended_of_the_masked() -> None:
    """AMT's three roles: predicted, thrown away, visible, from most to least attended."""
    mask = mask_scene(GuidedPolicy(predict="first"), scene(attention=ATTENTION), num_predicted=5)
    assert torch.equal(mask.predicted_ids, torch.arange(5).expand(8, -1))
    assert torch.equal(mask.masked_ids, torch.arange(12).expand(8, -1))


def test_masks_follow_a_flipped_map() -> None:
    """The mask of a mirrored map is the mirrored mask, where no chance is involved."""
    maps = sample_rng(3, 0, torch.arange(8)).uniform(GRID.rows, GRID.cols)
    plain = mask_scene(GuidedPolicy(), scene(attention=maps.flatten(1))).is_masked.view(
        -1, *maps.shape[1:]
    )
    flipped = mask_scene(GuidedPolicy(), scene(attention=maps.flip(2).flatten(1))).is_masked.view(
        -1, *maps.shape[1:]
    )
    assert torch.equal(plain.flip(2), flipped)


def test_a_scene_without_a_model_says_so() -> None:
    with pytest.raises(MaskwrightError, match="no model here to ask"):
        mask_scene(GuidedPolicy(), scene())


def test_attention_is_asked_for_once_per_batch() -> None:
    calls: list[str] = []

    def look(source: str) -> Tensor:
        calls.append(source)
        return ATTENTION

    mask_scene(build_policy("guided + guided(hide='background')"), replace(scene(), attention=look))
    assert calls == ["self"]


def feedback(where: Scene, mask: object, errors: Tensor) -> Feedback:
    return Feedback(where, mask, errors)  # type: ignore[arg-type]


def test_the_memory_masks_what_cost_most_and_forgets_slowly() -> None:
    memory = built("hard(keep=0.5)")
    assert isinstance(memory, LossMemory)
    first = scene()
    everything = mask_scene(build_policy("random"), replace(first, num_masked=23))
    costs = torch.arange(COUNT).float().expand(8, -1)
    memory.observe(
        feedback(first, everything, take(costs[:, :, None], everything.predicted_ids)[:, :, 0])
    )
    assert memory.memory[0].ne(-1).sum() == 23
    again = mask_scene(memory, scene(seed=1))
    unseen = everything.visible_ids
    assert again.is_masked.gather(1, unseen).all()  # what was never seen is tried first
    assert torch.equal(again.is_masked.sum(1), torch.full((8,), 12))
    assert again.is_masked[:, -11:].all()
    seen = memory.memory.float().gather(1, everything.predicted_ids)
    memory.observe(feedback(first, everything, torch.zeros(8, 23)))
    assert torch.equal(memory.memory.float().gather(1, everything.predicted_ids), seen / 2)


def test_the_memory_finds_places_through_crop_and_flip() -> None:
    views = torch.tensor(
        [[0.0, 0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0], [0.5, 0.0, 0.5, 0.5, 0.0]]
    )
    places = picture_places(views, Grid(2, 4)).view(3, 2, 4)
    assert places[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert places[1].tolist() == [[3, 2, 1, 0], [7, 6, 5, 4]]
    assert places[2].tolist() == [[4, 4, 5, 5], [4, 4, 5, 5]]


def test_several_masks_of_a_picture_are_remembered_together() -> None:
    memory = LossMemory(GRID, 3, keep=0.0)
    ids = torch.tensor([1, 1 + (1 << 40)])
    both = replace(scene(batch=2), sample_ids=ids, rng=sample_rng(0, 0, ids))
    mask = mask_scene(build_policy("random"), both)
    memory.observe(feedback(both, mask, torch.tensor([[2.0], [4.0]]).expand(2, 12)))
    shared = mask.is_masked.all(0)
    assert memory.memory[1][shared].eq(3).all()
    assert memory.memory[[0, 2]].eq(-1).all()
    assert int(picture_ids(ids)[1]) == 1


def test_losses_that_are_no_numbers_leave_no_trace_in_the_memory() -> None:
    """One NaN, one infinity, and one finite loss that half precision cannot hold."""
    memory, clean = LossMemory(GRID, 8, 0.5), LossMemory(GRID, 8, 0.5)
    first = scene()
    mask = mask_scene(build_policy("random"), first)
    errors = torch.rand(8, 12) + 1
    poisoned = errors.clone()
    poisoned[0, 0], poisoned[1, 1], poisoned[2, 2] = torch.nan, torch.inf, 1e30
    memory.observe(feedback(first, mask, poisoned))
    clean.observe(feedback(first, mask, errors))
    assert memory.memory.isfinite().all()
    places = [(row, int(mask.predicted_ids[row, row])) for row in range(3)]
    assert [float(memory.memory[place]) for place in places] == [-1, -1, 65504]
    for place in places:
        memory.memory[place] = clean.memory[place]
    assert torch.equal(memory.memory, clean.memory)
    memory.observe(feedback(first, mask, torch.full((8, 12), 1e30)))
    assert memory.memory.isfinite().all()


def test_the_memory_is_the_same_in_every_precision() -> None:
    memories = LossMemory(GRID, 8, 0.5), LossMemory(GRID, 8, 0.5)
    first = scene()
    mask = mask_scene(build_policy("random"), first)
    errors = torch.rand(8, 12, generator=torch.Generator().manual_seed(0)) + 0.5
    memories[0].observe(feedback(first, mask, errors))
    with torch.autocast("cpu", torch.bfloat16):
        memories[1].observe(feedback(first, mask, errors))
    assert torch.equal(memories[0].memory, memories[1].memory)


def test_pictures_that_are_not_trained_on_are_left_to_chance() -> None:
    memory = LossMemory(GRID, 8, 0.5)
    memory.memory.copy_(torch.arange(COUNT).expand(8, -1))
    assert memory.score(replace(scene(), training=False)).eq(0).all()


def test_the_predictor_learns_which_patches_cost_more() -> None:
    predictor = built("predicted_hard(width=16)")
    assert isinstance(predictor, nn.Module)
    truth = (
        scene(batch=32).pixels().abs().unfold(2, 2, 2).unfold(3, 2, 2).mean((1, 4, 5)).flatten(1)
    )
    optimizer = torch.optim.AdamW(predictor.parameters(), 3e-3)
    values = []
    for step in range(120):
        where = replace(scene(batch=32), cache={}, rng=sample_rng(step, 0, torch.arange(32)))
        mask = mask_scene(build_policy("random"), where)
        loss = predictor.loss(feedback(where, mask, truth.gather(1, mask.predicted_ids)))
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[0] == pytest.approx(0.693, abs=0.2)
    assert values[-1] < 0.5


def test_pictures_count_alike_for_the_predictor_however_many_pairs_they_have() -> None:
    """So that processes which share a batch learn what one does with all of it."""
    predictor = built("predicted_hard(width=16)")
    nn.init.normal_(predictor.scorer.fc2.weight)
    whole = scene()
    mask = mask_scene(build_policy("random"), whole)
    errors = whole.rng.fork("errors").uniform(12)
    # All patches of a picture but one cost the same, and all of another.
    errors[0, 1:] = 0.5
    errors[1] = 0.5
    single = []
    for row in range(8):
        own = replace(whole, images=whole.pixels()[row : row + 1], cache={})
        some = replace(mask, predicted_ids=mask.predicted_ids[row : row + 1])
        single.append(float(predictor.loss(feedback(own, some, errors[row : row + 1])).detach()))
    together = float(predictor.loss(feedback(whole, mask, errors)).detach())
    assert single[1] == 0
    assert together == pytest.approx(sum(single) / 8, rel=1e-5)


@pytest.mark.parametrize(("dial", "sign"), [("1", 1), ("-1", -1), ("1->-1", 1)])
def test_the_dial_turns_the_gradient_round_and_never_the_value(dial: str, sign: int) -> None:
    """The sign is the dial's alone, and the loss reaches the network."""
    helper, turned = built("adversarial(dial=1)"), built(f"adversarial(dial={dial})")
    keep, other = helper.soft_mask(scene()), turned.soft_mask(scene())
    assert keep is not None
    assert other is not None
    assert torch.allclose(keep, other)
    gradients = [
        torch.autograd.grad(soft.sum(), list(policy.parameters()))[0]
        for soft, policy in ((keep, helper), (other, turned))
    ]
    assert gradients[0].abs().sum() > 0
    assert torch.allclose(gradients[1], sign * gradients[0])


class Misspelled(nn.Module):
    """A learner whose only lesson has a name that nothing calls."""

    traits: ClassVar[Traits] = Traits()

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def score(self, scene: Scene) -> Tensor:
        return torch.zeros(scene.batch_size, scene.grid.num_patches)

    def observes(self, feedback: Feedback) -> None:
        self.steps += 1


class Counting(Misspelled):
    """A learner that only remembers."""

    def observe(self, feedback: Feedback) -> None:
        self.observes(feedback)


class Settings(PolicySettings):
    """Settings of either."""

    traits: ClassVar[Traits] = Traits()  # type: ignore[assignment]

    def __init__(self, kind: type[Misspelled]) -> None:
        self.kind = kind

    def build(self, context: PolicyContext) -> Any:
        return self.kind()


def test_a_learner_has_only_the_methods_that_it_needs() -> None:
    policy = initialize_policy(Settings(Counting), context())
    settings = MaskerSettings(ratio=Constant(0.5), seed=0)
    masker = Masker(policy, settings, GRID, PixelScale((0.5,) * 3, (0.5,) * 3))
    where = scene()
    mask = mask_scene(policy, where)
    assert masker.weights(where, mask) is None
    assert masker.learn(where, mask, torch.zeros(8, 12)) is None
    assert isinstance(policy, Counting)
    masker.after_step(False)
    assert policy.steps == 0  # a step that was dropped is not remembered
    for _ in range(2):
        masker.learn(where, mask, torch.zeros(8, 12))
    masker.after_step(True)
    assert policy.steps == 2
    assert masker.spent["policy_flops"] == flops_of(masker.learners) == 0
    check_policy(Settings(Counting))


def test_a_learner_that_never_learns_is_refused() -> None:
    with pytest.raises(
        MaskwrightError,
        match=r"Misspelled keeps a state and never learns; give it a method soft_mask",
    ):
        initialize_policy(Settings(Misspelled), context())


def test_guards_know_their_answers() -> None:
    assert float(share_divergence(torch.full((4, 8), 0.25), 0.25)) == pytest.approx(0, abs=1e-6)
    expected = 0.25 * torch.tensor(0.25 / 0.5).log() + 0.75 * torch.tensor(0.75 / 0.5).log()
    assert float(share_divergence(torch.full((4, 8), 0.5), 0.25)) == pytest.approx(
        float(expected), abs=1e-6
    )
    same, apart = torch.full((3, 100), 0.5), torch.eye(2).repeat_interleave(50, 1)
    assert float(mean_similarity(same)) == pytest.approx(1, abs=1e-4)
    assert float(mean_similarity(apart)) == pytest.approx(
        float(torch.exp(torch.tensor(-1.0))), abs=1e-5
    )


def test_likeness_is_the_mean_over_pairs_and_stores_no_pair_of_rows() -> None:
    """Value and slope of the definition written out, and a graph that keeps nothing of B x B x N
    numbers.
    """
    generator = torch.Generator().manual_seed(0)
    keep = torch.rand(12, 30, dtype=torch.float64, generator=generator)
    keep[1] = keep[0] + 1e-5  # almost the same picture twice
    slow, fast = (keep.clone().requires_grad_() for _ in range(2))
    squared = (slow[:, None] - slow[None]).square().sum(-1)
    pairs = torch.exp(-0.1 * (squared + torch.eye(12)).sqrt()) * (1 - torch.eye(12))
    expected = pairs.sum() / (12 * 11)
    sizes: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda kept: (sizes.append(kept.numel()), kept)[1], lambda kept: kept
    ):
        found = mean_similarity(fast)
    assert max(sizes) <= 12 * 30
    expected.backward()
    found.backward()
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-9)
    assert torch.allclose(slow.grad, fast.grad, rtol=1e-6, atol=1e-12)
    alike = torch.full((3, 5), 0.5, requires_grad=True)
    mean_similarity(alike).backward()
    assert alike.grad.isfinite().all()


def test_adaptive_sampling_shows_what_came_back_badly() -> None:
    """One step on its loss makes hidden patches with large errors likelier to be visible."""
    sampler = built("adaptive(weight=1.0)")
    where = scene()
    mask = mask_scene(sampler, where)
    errors = torch.zeros(8, 12)
    errors[:, 0] = 1
    value = sampler.loss(feedback(where, mask, errors))
    assert value is not None
    before = (
        torch.log_softmax(-where.cache[("scores", id(sampler))], 1)
        .gather(1, mask.predicted_ids[:, :1])
        .mean()
    )
    assert float(value.detach()) == pytest.approx(-float(before.detach()) / 12, rel=1e-4)
    torch.optim.SGD(sampler.parameters(), 0.1).zero_grad()
    value.backward()
    with torch.no_grad():
        for parameter in sampler.parameters():
            parameter -= 0.1 * parameter.grad
    after = (
        torch.log_softmax(-sampler.scorer(_patches(where)), 1)
        .gather(1, mask.predicted_ids[:, :1])
        .mean()
    )
    assert after > before


def _patches(where: Scene) -> Tensor:
    from maskwright.patches.pixels import patchify

    return patchify(where.pixels(), GRID.patch_size)


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("guided(hide='sky')", "one of salient, background"),
        ("guided(temperature=-1)", "at least 0"),
        ("guided(hints=0.1)", "Did you mean 'hint'"),
        ("hard(keep=2)", "between 0 and 1"),
        ("adversarial(dial=fast)", "schedule"),
        ("adaptive(depth=0)", "at least 1"),
    ],
)
def test_a_mistake_gets_a_sentence(line: str, fragment: str) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        build_policy(line)
