"""Policies that learn while the model does: an adversary that first helps (CL-MAE), and sampling by
informativeness (AdaMAE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from maskwright.masking.hard import expect
from maskwright.masking.learner import Feedback, PolicyContext, PolicySettings
from maskwright.masking.policy import Scene, Traits
from maskwright.schedules import Schedule, parse_schedule
from maskwright.support.checks import check_count, check_number

LEARNED = Traits(uniform=False, needs=frozenset({"images"}))


@dataclass(frozen=True, kw_only=True)
class AdversarialPolicy(PolicySettings):
    """Learn which patches to mask from the reconstruction loss, first to make it small, later to
    make it large (CL-MAE, Madan et al. 2024).

    dial: what the policy's gradient is multiplied by, 1 for a helper, -1 for an adversary.
    temperature: of the Gumbel noise that draws masks.
    share_guard: weight of the divergence between the mean chance of being visible and the visible
        share.
    diversity_guard: weight of the mean of exp(-distance / 10) over pairs of pictures, which grows
        as their chances become alike.
    width, depth: of the network. The loss reaches the policy through the visible tokens: a step
        costs one pass of the small network more, not one of the model.
    """

    dial: Any = "1->-1"
    temperature: float = 1.0
    share_guard: float = 0.1
    diversity_guard: float = 0.1
    width: int = 64
    depth: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "dial", parse_schedule(self.dial))
        for name, least in (("temperature", 1e-3), ("share_guard", 0), ("diversity_guard", 0)):
            check_number(name, getattr(self, name), least, owner="Policy 'adversarial'")
        check_count("width", self.width, 4, owner="Policy 'adversarial'")
        check_count("depth", self.depth, owner="Policy 'adversarial'")

    @property
    def traits(self) -> Traits:
        return LEARNED

    def build(self, context: PolicyContext) -> Adversary:
        return Adversary(context.build_scorer(self.width, self.depth), self)


class Adversary(nn.Module):
    """Draws masks by Gumbel top-k on its scores; the chance of a patch to be visible is the sigmoid
    of minus its score.
    """

    traits: ClassVar[Traits] = LEARNED

    def __init__(self, scorer: nn.Module, settings: AdversarialPolicy) -> None:
        super().__init__()
        self.scorer, self.settings = scorer, settings

    def score(self, scene: Scene) -> Tensor:
        noise = scene.rng.fork("gumbel").gumbel(scene.grid.num_patches)
        return expect(self, self.scorer, scene).detach() / self.settings.temperature + noise

    def soft_mask(self, scene: Scene) -> Tensor:
        keep = torch.sigmoid(-expect(self, self.scorer, scene))
        dial: Schedule = self.settings.dial
        strength = dial.at(scene.progress)
        return (
            strength * keep + (1 - strength) * keep.detach()
        )  # the value is `keep`, its gradient is multiplied by the dial

    def loss(self, feedback: Feedback) -> Tensor:
        """What keeps the policy from masking all, nothing, or the same everywhere."""
        keep = torch.sigmoid(-expect(self, self.scorer, feedback.scene))
        wanted = 1 - feedback.scene.num_masked / feedback.scene.grid.num_patches
        return self.settings.share_guard * share_divergence(
            keep, wanted
        ) + self.settings.diversity_guard * likeness(keep)

    def flops(self) -> int:
        return 3 * self.scorer.flops()  # type: ignore[operator]


@dataclass(frozen=True, kw_only=True)
class AdaptivePolicy(PolicySettings):
    """Learn which patches tell most and show those: what came back badly becomes likelier to be
    visible (AdaMAE, Bandara et al. 2023).

    The visible patches are drawn one by one without replacement by the network's softmax.

    weight: of its loss, 1e-4 in the paper.
    width, depth: of the network. The sign is the opposite of hard's and guided's: what is hard to
        predict is shown.
    """

    weight: float = 1e-4
    width: int = 64
    depth: int = 1

    def __post_init__(self) -> None:
        check_number("weight", self.weight, 0, owner="Policy 'adaptive'")
        check_count("width", self.width, 4, owner="Policy 'adaptive'")
        check_count("depth", self.depth, owner="Policy 'adaptive'")

    @property
    def traits(self) -> Traits:
        return LEARNED

    def build(self, context: PolicyContext) -> AdaptiveSampler:
        return AdaptiveSampler(context.build_scorer(self.width, self.depth), self.weight)


class AdaptiveSampler(nn.Module):
    """Draws visible patches by Gumbel top-k on the log of a softmax over minus its scores."""

    traits: ClassVar[Traits] = LEARNED

    def __init__(self, scorer: nn.Module, weight: float) -> None:
        super().__init__()
        self.scorer, self.weight = scorer, weight

    def score(self, scene: Scene) -> Tensor:
        noise = scene.rng.fork("gumbel").gumbel(scene.grid.num_patches)
        return -(self._log_chances(scene).detach() + noise)

    def loss(self, feedback: Feedback) -> Tensor:
        """Minus the mean over hidden patches of log(chance of being visible) times the error."""
        at_hidden = self._log_chances(feedback.scene).gather(1, feedback.mask.predicted_ids)
        return -self.weight * (at_hidden * feedback.errors).mean()

    def flops(self) -> int:
        return 3 * self.scorer.flops()  # type: ignore[operator]

    def _log_chances(self, scene: Scene) -> Tensor:
        return torch.log_softmax(-expect(self, self.scorer, scene), dim=1)


def share_divergence(keep_BN: Tensor, wanted: float) -> Tensor:
    """Mean over images of KL(wanted || mean chance of being visible) between coins; 0 when the mean
    is the wanted share.
    """
    mean = keep_BN.mean(1).clamp(1e-6, 1 - 1e-6)
    share = torch.tensor(wanted, device=keep_BN.device)
    return (share * (share / mean).log() + (1 - share) * ((1 - share) / (1 - mean)).log()).mean()


def likeness(keep_BN: Tensor) -> Tensor:
    """Mean of exp(-distance / 10) over pairs of images, from 0 to 1 when all chances are the same;
    0 for a single image.
    """
    count = keep_BN.shape[0]
    if count < 2:
        return keep_BN.sum() * 0
    # Differences are summed as they are made: neither (B, B, N) numbers are stored, nor is |a|^2 +
    # |b|^2 - 2ab rounded, which
    # for rows that are nearly alike is all error.
    distance_BB = torch.cdist(keep_BN, keep_BN, compute_mode="donot_use_mm_for_euclid_dist")
    pairs = torch.exp(-0.1 * distance_BB)
    return (pairs.sum() - pairs.diagonal().sum()) / (count * (count - 1))
