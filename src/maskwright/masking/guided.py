"""Attention decides: what a transformer attends to is masked first, or last (AttMask, AMT, MST)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from maskwright.masking.policy import Scene, Traits
from maskwright.masking.ranks import rank
from maskwright.support.checks import check_count, check_inside, check_number, check_one_of

LEAST = 1e-6  # of the mean attention: a patch without any can still be drawn


@dataclass(frozen=True, kw_only=True)
class GuidedPolicy:
    """Mask the patches with the most attention, or the least.

    The attention is that of a transformer: of the run's own encoder by default, or of one that is
    named. Its passes are charged to the run where a study compares equal operations.

    Formula: score[i] = log(a[i]) / temperature + Gumbel noise; at 0 score = a
    Source: Kakogeorgiou et al. 2022 (AttMask); Liu et al. 2023 (AMT).

    source: whose attention, "self" for an average of the run's own encoder, "prior" for the maps of
        a prepared store, else a run, a file or a model's name.
    hide: "salient" masks what is attended to most, "background" what is attended to least.
    temperature: 0 ranks by attention; above it chance joins in, log(attention) / temperature +
        Gumbel noise, which at 1 draws patches one by one with chances in proportion to attention
        (without replacement).
    hint: of this share of patches that come first, as many as the ratio says are shown again
        (AttMask-Hint; 0.1 there).
    predict: "first" lets the loss score the patches masked first when not all are predicted, the
        others are thrown away (AMT).
    decay: how much the run's own average keeps of itself per step.
    refresh: steps between two renewals of that average.
    """

    source: str = "self"
    hide: Literal["salient", "background"] = "salient"
    temperature: float = 0.0
    hint: float = 0.0
    predict: Literal["random", "first"] = "random"
    decay: float = 0.996
    refresh: int = 1

    def __post_init__(self) -> None:
        check_one_of("hide", self.hide, ("salient", "background"), owner="Policy 'guided'")
        check_one_of("predict", self.predict, ("random", "first"), owner="Policy 'guided'")
        check_number("temperature", self.temperature, 0, owner="Policy 'guided'")
        check_count("refresh", self.refresh, owner="Policy 'guided'")
        check_inside("hint", self.hint, 0, 1, owner="Policy 'guided'")
        check_inside("decay", self.decay, 0, 1, owner="Policy 'guided'")

    @property
    def traits(self) -> Traits:
        need = "prior:attention" if self.source == "prior" else f"attention:{self.source}"
        return Traits(
            nested=self.hint == 0,
            predicts=self.predict,
            needs=frozenset({need}),
        )

    def score(self, scene: Scene) -> Tensor:
        attention = self._attention(scene)
        sign = 1 if self.hide == "salient" else -1
        score = sign * attention
        if self.temperature > 0:
            # Gumbel noise on the log of shares draws patches without replacement
            mean = attention.mean(1, keepdim=True)
            share = attention / mean.clamp(min=1e-12) + LEAST
            noise = scene.rng.fork("gumbel").gumbel(scene.grid.num_patches)
            score = sign * share.log() / self.temperature + noise
        if self.hint:
            score = self._show_hints(score, scene)
        return score

    def _attention(self, scene: Scene) -> Tensor:
        """(B, N) how much is attended to each patch."""
        is_map = self.source == "prior"
        attention = scene.prior("attention") if is_map else scene.look(self.source)
        return scene.checked(attention.float())

    def _show_hints(self, score: Tensor, scene: Scene) -> Tensor:
        """Send a random part of those that come first to the very end."""
        # 1e-6: a share such as 0.29 of 100 patches is 28.999... in floating point
        count = scene.grid.num_patches
        num_first = math.floor(self.hint * count + 1e-6)
        num_shown = math.floor(self.hint * scene.num_masked + 1e-6)
        ranks = rank(score, scene.rng.fork("ties"))

        # a lot for each of the first patches; the largest lots are shown
        lowest_first = 1 - (num_first + 0.5) / count
        is_first = ranks >= lowest_first
        lots = scene.rng.fork("hint").uniform(count)
        lots = torch.where(is_first, lots, -1.0)
        shown_ids = lots.topk(num_shown, dim=1).indices  # (B, shown)
        is_shown = torch.zeros_like(ranks, dtype=torch.bool)
        is_shown.scatter_(1, shown_ids, True)
        return torch.where(is_shown, -1.0, ranks)
