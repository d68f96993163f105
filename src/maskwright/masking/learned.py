"""Policies that learn with the model: an adversary (CL-MAE), adaptive sampling (AdaMAE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from maskwright.masking.hard import predict_scores
from maskwright.masking.policy import Scene, Traits
from maskwright.masking.stateful import Feedback, PolicyContext, PolicySettings
from maskwright.schedules import Schedule, parse_schedule
from maskwright.support.checks import check_count, check_number
from maskwright.support.on_device import numbers_on

LEARNED = Traits(uniform=False, needs=frozenset({"images"}))


@dataclass(frozen=True, kw_only=True)
class AdversarialPolicy(PolicySettings):
    """Learn from the loss what to mask, first to lower it, later to raise it (CL-MAE).

    The loss reaches the policy through the visible tokens: a step costs one pass of the small
    network more, not one of the model.

    Formula: score = f(x) / temperature + Gumbel noise; slope of f = dial * slope of the loss
    Source: Madan et al. 2024 (CL-MAE).

    dial: what the policy's gradient is multiplied by, 1 for a helper, -1 for an adversary.
    temperature: of the Gumbel noise that draws masks.
    share_guard: weight of the divergence between the mean chance of being visible and the visible
        share.
    diversity_guard: weight of the mean of exp(-distance / 10) over pairs of pictures of the whole
        batch, which grows as their chances become alike.
    width, depth: of the network.
    """

    dial: Any = "1->-1"
    temperature: float = 1.0
    share_guard: float = 0.1
    diversity_guard: float = 0.1
    width: int = 64
    depth: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "dial", parse_schedule(self.dial))
        owner = "Policy 'adversarial'"
        check_number("temperature", self.temperature, 1e-3, owner=owner)
        check_number("share_guard", self.share_guard, 0, owner=owner)
        check_number("diversity_guard", self.diversity_guard, 0, owner=owner)
        check_count("width", self.width, 4, owner=owner)
        check_count("depth", self.depth, owner=owner)

    @property
    def traits(self) -> Traits:
        return LEARNED

    def build(self, context: PolicyContext) -> Adversary:
        scorer = context.build_scorer(self.width, self.depth)
        return Adversary(scorer, self)


class Adversary(nn.Module):
    """Draws masks by Gumbel top-k on its scores.

    The chance of a patch to be visible is the sigmoid of minus its score.
    """

    traits: ClassVar[Traits] = LEARNED

    def __init__(self, scorer: nn.Module, settings: AdversarialPolicy) -> None:
        super().__init__()
        self.scorer = scorer
        self.settings = settings

    def score(self, scene: Scene) -> Tensor:
        scores = predict_scores(self, self.scorer, scene).detach()  # (B, N)
        noise = scene.rng.fork("gumbel").gumbel(scene.grid.num_patches)
        return scores / self.settings.temperature + noise

    def soft_mask(self, scene: Scene) -> Tensor:
        keep = self._keep(scene)
        dial: Schedule = self.settings.dial
        strength = dial.at(scene.progress)
        # the value is `keep`, and its gradient is multiplied by the dial
        return strength * keep + (1 - strength) * keep.detach()

    def loss(self, feedback: Feedback) -> Tensor:
        """What keeps the policy from masking all, nothing, or the same everywhere."""
        scene = feedback.scene
        settings = self.settings
        keep = self._keep(scene)
        visible_share = 1 - scene.num_masked / scene.grid.num_patches
        total = settings.share_guard * share_divergence(keep, visible_share)
        if not self.compares_pictures:
            return total
        # Pairs are those of the whole batch, whichever process its pictures are in.
        return total + settings.diversity_guard * mean_similarity(feedback.join(keep))

    @property
    def compares_pictures(self) -> bool:
        """Whether its loss compares the pictures of a batch."""
        return self.settings.diversity_guard > 0

    def flops(self) -> int:
        # forward and backward
        return 3 * self.scorer.flops()  # type: ignore[operator]

    def _keep(self, scene: Scene) -> Tensor:
        """(B, N) each patch's chance of being visible, with a gradient."""
        scores = predict_scores(self, self.scorer, scene)
        return torch.sigmoid(-scores)


@dataclass(frozen=True, kw_only=True)
class AdaptivePolicy(PolicySettings):
    """Learn which patches tell most, and show those (AdaMAE, Bandara et al. 2023).

    What came back badly becomes likelier to be visible: the opposite of `hard` and `guided`. The
    visible patches are drawn one by one without replacement by the network's softmax.

    Formula: score = -(log p + Gumbel noise); f minimizes -weight * mean(log p[i] * error[i])
    Source: Bandara et al. 2023 (AdaMAE).

    weight: of its loss, 1e-4 in the paper.
    width, depth: of the network.
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
        scorer = context.build_scorer(self.width, self.depth)
        return AdaptiveSampler(scorer, self.weight)


class AdaptiveSampler(nn.Module):
    """Draws visible patches by Gumbel top-k on the log of a softmax over minus its scores."""

    traits: ClassVar[Traits] = LEARNED

    def __init__(self, scorer: nn.Module, weight: float) -> None:
        super().__init__()
        self.scorer = scorer
        self.weight = weight

    def score(self, scene: Scene) -> Tensor:
        log_chances = self._log_chances(scene).detach()
        noise = scene.rng.fork("gumbel").gumbel(scene.grid.num_patches)
        # Gumbel top-k draws without replacement; minus, because the largest score is masked
        return -(log_chances + noise)

    def loss(self, feedback: Feedback) -> Tensor:
        """Minus the mean over hidden patches of log(chance of being visible) times the error."""
        log_chances = self._log_chances(feedback.scene)  # (B, N)
        at_hidden = log_chances.gather(1, feedback.mask.predicted_ids)  # (B, K)
        products = at_hidden * feedback.errors
        return -self.weight * products.mean()

    def flops(self) -> int:
        # forward and backward
        return 3 * self.scorer.flops()  # type: ignore[operator]

    def _log_chances(self, scene: Scene) -> Tensor:
        """(B, N) log of each patch's chance of being drawn first."""
        scores = predict_scores(self, self.scorer, scene)
        return torch.log_softmax(-scores, dim=1)


def share_divergence(keep_BN: Tensor, visible_share: float) -> Tensor:
    """Mean over images of KL(visible share || mean chance of being visible) between two coins.

    It is 0 where the mean chance is the visible share.
    """
    mean = keep_BN.mean(1)  # (B,)
    # away from the poles of the logarithm
    mean = mean.clamp(1e-6, 1 - 1e-6)
    share = numbers_on(keep_BN.device, visible_share)
    of_visible = (share / mean).log()
    of_masked = ((1 - share) / (1 - mean)).log()
    divergence = share * of_visible + (1 - share) * of_masked  # (B,)
    return divergence.mean()


def mean_similarity(keep_BN: Tensor) -> Tensor:
    """Mean of exp(-distance / 10) over pairs of images: 1 when all their chances are the same.

    A single image has no pairs and gives 0.
    """
    count = keep_BN.shape[0]
    if count < 2:
        return keep_BN.sum() * 0
    # Differences are summed as they are made: (B, B, N) numbers are not stored, and |a|^2 + |b|^2 -
    # 2ab is not computed, whose rounding is all there is for rows that are nearly alike.
    distance_BB = torch.cdist(keep_BN, keep_BN, compute_mode="donot_use_mm_for_euclid_dist")
    pairs = torch.exp(-0.1 * distance_BB)
    # an image is no pair with itself
    total = pairs.sum() - pairs.diagonal().sum()
    return total / (count * (count - 1))
