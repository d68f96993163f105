"""Masks that know foreground from background: exact shares of both are hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from maskwright.masking.policy import Scene, Traits
from maskwright.masking.quotas import Division, call_by_share, call_by_size, divide_patches
from maskwright.schedules import parse_share
from maskwright.support.checks import check_number, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.support.on_device import numbers_on

USUAL_STRENGTH = 0.5
OWNER = "Policy 'foreground'"


@dataclass(frozen=True, kw_only=True)
class ForegroundPolicy:
    """Hide more of the foreground, or more of the background, in exact shares.

    Chance picks the patches inside each. Shares are rounded to the nearest patch. A side that is
    used up leaves its share to the other, so a picture without foreground, or with nothing else, is
    masked at random.

    Formula: masked of the F foreground patches, M masked in all =
        (1 - strength) * ratio * F + strength * min(F, M)
    Source: this package, after Li et al. 2022 (SemMAE) and the AniMask project.

    heavy: "fg" (the usual) or "bg" says which is hidden more, "proportional" hides both at the same
        ratio: the control.
    strength: how much more, from 0 (proportional) to 1 (all of the heavy side, before anything of
        the other), a number or a schedule. At the usual 0.5 and ratio 0.75, a foreground of 30 % of
        the picture is hidden to 87.5 %, the background to 69.6 %.
    share: in place of heavy, the share of the masked patches that are foreground, a number or a
        schedule.
    threshold: a patch is foreground where its map is at least this.
    softness: above 0, no shares and no threshold; patches are drawn one after the other with odds
        exp(map / softness), or exp(-map / softness) for "bg" (Gumbel top-k; taking the mean off the
        map would change no odds).
    """

    traits: ClassVar[Traits] = Traits(needs=frozenset({"prior:foreground"}))
    heavy: Literal["fg", "bg", "proportional"] | None = None
    strength: Any = None
    share: Any = None
    threshold: float = 0.5
    softness: float = 0.0

    def __post_init__(self) -> None:
        if self.heavy is not None:
            check_one_of("heavy", self.heavy, ("fg", "bg", "proportional"), owner=OWNER)
        check_number("softness", self.softness, 0, owner=OWNER)
        threshold = check_number("threshold", self.threshold, 0, owner=OWNER)
        if not 0 < threshold <= 1:
            raise MaskwrightError(
                f"{OWNER} needs threshold to be above 0 and at most 1; got {self.threshold}."
            )
        self._check_together()
        for name in ("strength", "share"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, parse_share(name, value, owner=OWNER))

    def score(self, scene: Scene) -> Tensor:
        foreground = scene.prior("foreground")  # (B, N) in [0, 1]
        count = scene.grid.num_patches
        if self.softness > 0:
            sign = -1 if self.heavy == "bg" else 1
            log_odds = sign * foreground / self.softness
            return log_odds + scene.rng.gumbel(count)

        # part 0 is the foreground, part 1 the background
        ids = (foreground < self.threshold).long()
        division = divide_patches(ids, 2, scene.rng.bits(count))
        # a patch is masked earlier the smaller the count at which it is called for
        if self.share is not None:
            share = self.share.at(scene.progress)
            shares = numbers_on(scene.device, [[share, 1 - share]])
            return -call_by_share(division, shares)
        nearest = torch.full_like(division.sizes, 0.5)  # round to the nearest patch
        before = self._sizes_before(division)
        strength = self._strength(scene.progress)
        return -call_by_size(division, nearest, before, strength)

    def _check_together(self) -> None:
        """Refuse options that would have no effect beside others."""
        names = ("heavy", "strength", "share")
        given = [name for name in names if getattr(self, name) is not None]
        idle: list[str] = []
        # a share says all that heavy and strength say
        if "share" in given:
            idle += [name for name in given if name != "share"]
        if self.softness > 0:
            # drawing by odds knows no shares and no threshold
            idle += [name for name in given if name != "heavy"]
            if self.threshold != 0.5:
                idle.append("threshold")
            if self.heavy == "proportional":
                idle.append("heavy")
        if self.heavy == "proportional" and "strength" in given:
            idle.append("strength")
        if idle:
            raise MaskwrightError(
                f"{OWNER} takes heavy and strength, or share, or softness and heavy fg or bg; here"
                f" {idle[0]} has no effect."
            )

    def _strength(self, progress: float) -> float:
        if self.heavy == "proportional":
            return 0.0
        if self.strength is None:
            return USUAL_STRENGTH
        return float(self.strength.at(progress))

    def _sizes_before(self, division: Division) -> Tensor:
        """(B, 2) patches that are masked before foreground and background.

        When one side comes after the other, the heavy side is first.
        """
        # the side that waits has the other side's size before it
        waits = [[1.0, 0.0]] if self.heavy == "bg" else [[0.0, 1.0]]
        does_wait = numbers_on(division.sizes.device, waits)  # (1, 2)
        sizes_of_other = division.sizes.flip(1)
        return does_wait * sizes_of_other
