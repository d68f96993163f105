"""Policies looked at without a training: their masks on pictures, and what those cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.splits import spread
from maskwright.diagnostics.difficulty import MaskDifficulty, measure_difficulty
from maskwright.masking.policy import Policy, check_fits
from maskwright.patches import Grid, PatchMask, PixelScale, visible_count
from maskwright.schedules import Constant
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.workflows.building.mask_samples import (
    Attend,
    MaskDraw,
    draw_masks,
    mask_pictures,
)
from maskwright.workflows.building.module import initialized_policy
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.building.teachers import open_teachers, refuse_own
from maskwright.workflows.loading.pictures import eval_batch, eval_batches

# On how many pictures, at most, the cost of copying a neighbor is measured.
COPIED_PICTURES = 256
# Pictures that are masked at once when many masks are wanted.
BATCH = 256


@dataclass(frozen=True)
class PolicyView:
    """Pictures on which policies are looked at.

    store: the pictures.
    grid: of patches.
    ratio: share of patches that is masked.
    seed: of the masks.
    scale: of the pixels, for policies that look at them.
    """

    store: PackedStore
    grid: Grid
    ratio: float
    seed: int
    scale: PixelScale

    def batch(self, rules: Iterable[Policy], count: int) -> Batch:
        """Pictures spread over the store, with the maps that the policies look at."""
        maps = sorted({name for rule in rules for name in rule.traits.needed("prior")})
        return eval_batch(self.store, self.grid.image_size, count, maps, self.grid)

    def sample(self, rule: Policy, draws: int) -> Tensor:
        """(n, N) booleans of many masks.

        A policy that looks at pictures gets those of the store, at most `draws`.
        """
        # Without pictures, numbered samples are enough and much faster.
        if not rule.traits.needs:
            return draw_masks(rule, self.grid, draws, self._draw).is_masked
        some = self.store.subset(spread(len(self.store), draws))
        maps = rule.traits.needed("prior")
        attend = self._attend(rule)
        flags = []
        for batch in eval_batches(some, self.grid.image_size, BATCH, maps, self.grid):
            mask = mask_pictures(rule, self.grid, batch, self._draw, self.scale, attend)
            flags.append(mask.is_masked.cpu())
        return torch.cat(flags)

    def usable(self, rules: dict[str, Policy], reporter: Reporter) -> dict[str, Policy]:
        """The policies for which the pictures have what they look at; others are warned of."""
        usable = {}
        for name, rule in rules.items():
            try:
                # A mask is drawn to see: only the policy knows what it needs.
                self.sample(rule, 1)
            except MaskwrightError as error:
                reporter.warn(f"{name} left out: {error}")
            else:
                usable[name] = rule
        return usable

    def mask(self, rule: Policy, batch: Batch) -> PatchMask:
        """The masks of one batch of pictures."""
        attend = self._attend(rule)
        return mask_pictures(rule, self.grid, batch, self._draw, self.scale, attend)

    def difficulty(self, rule: Policy) -> MaskDifficulty:
        """What copying the nearest visible patch costs on some pictures, under a mask each."""
        batch = self.batch([rule], COPIED_PICTURES)
        return measure_difficulty(batch.images, self.mask(rule, batch), self.grid, self.seed)

    @property
    def _draw(self) -> MaskDraw:
        return MaskDraw(self.ratio, self.seed)

    def _attend(self, rule: Policy) -> Attend:
        """Attention of the encoders that a policy is guided by, opened by name."""
        teachers = open_teachers(rule)
        return lambda source, images: teachers[source].look(images, self.scale, self.grid)


def viewable_policy(given: str | Policy, grid: Grid, ratio: float, channels: int) -> Policy:
    """A policy that can be looked at without a training: one that learns is as it begins.

    given: its name with options, or the policy itself.
    """
    if isinstance(given, str):
        policy = build_checked_policy(given, grid, Constant(ratio))
    else:
        policy = given
        check_fits(policy, grid, grid.num_patches - visible_count(grid.num_patches, ratio))
    # No model, so no attention of its own encoder.
    refuse_own(policy)
    return initialized_policy(policy, grid, channels, seed=0, num_pictures=1)
