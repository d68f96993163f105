"""Policies that know what is in the picture: shares of foreground and background, parts masked
together, a ratio for each part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from maskwright.masking.policy import Scene, Traits
from maskwright.masking.quotas import (
    LEAST,
    Division,
    call_by_ratio,
    call_by_share,
    call_by_size,
    divide_patches,
)
from maskwright.schedules import parse_share
from maskwright.support.checks import check_number, check_one_of
from maskwright.support.errors import MaskwrightError, did_you_mean

BACKGROUND = "background"
USUAL_STRENGTH = 0.5
PARTS_NEEDED = frozenset({"prior:parts"})


@dataclass(frozen=True, kw_only=True)
class ForegroundPolicy:
    """Hide more of the foreground, or more of the background, in exact shares; chance picks the
    patches inside each.

    heavy: "fg" (the usual) or "bg" says which is hidden more, "proportional" hides both at the same
        ratio: the control.
    strength: how much more, from 0 (proportional) to 1 (all of the heavy side, before anything of
        the other), a number or a schedule. At the usual 0.5 and ratio 0.75, a foreground of 30 % of
        the picture is hidden to 87.5 %, the background to 69.6 %.
    share: in place of heavy, the share of the masked patches that are foreground, a number or a
        schedule.
    threshold: a patch is foreground where its map is at least this. Shares are rounded to the
        nearest patch.
    softness: above 0, no shares and no threshold; patches are drawn one after the other with odds
        exp(map / softness), or exp(-map / softness) for "bg" (Gumbel top-k; taking the mean off the
        map would change no odds). A side that is used up leaves its share to the other, so a
        picture without foreground, or with nothing else, is masked at random.
    """

    traits: ClassVar[Traits] = Traits(needs=frozenset({"prior:foreground"}))
    heavy: Literal["fg", "bg", "proportional"] | None = None
    strength: Any = None
    share: Any = None
    threshold: float = 0.5
    softness: float = 0.0

    def __post_init__(self) -> None:
        if self.heavy is not None:
            check_one_of(
                "heavy", self.heavy, ("fg", "bg", "proportional"), owner="Policy 'foreground'"
            )
        check_number("softness", self.softness, 0, owner="Policy 'foreground'")
        if not 0 < check_number("threshold", self.threshold, 0, owner="Policy 'foreground'") <= 1:
            raise MaskwrightError(
                "Policy 'foreground' needs threshold to be above 0 and at most 1; got"
                f" {self.threshold}."
            )
        self._check_together()
        for name in ("strength", "share"):
            if getattr(self, name) is not None:
                object.__setattr__(
                    self, name, parse_share(name, getattr(self, name), owner="Policy 'foreground'")
                )

    def score(self, scene: Scene) -> Tensor:
        shown = scene.prior("foreground")
        if self.softness > 0:
            return (-shown if self.heavy == "bg" else shown) / self.softness + scene.rng.gumbel(
                scene.grid.num_patches
            )
        division = divide_patches(
            (shown < self.threshold).long(), 2, scene.rng.bits(scene.grid.num_patches)
        )
        if self.share is not None:
            share = self.share.at(scene.progress)
            return -call_by_share(division, torch.tensor([[share, 1 - share]], device=scene.device))
        nearest = torch.full_like(division.sizes, 0.5)
        return -call_by_size(
            division, nearest, self._sizes_before(division), self._strength(scene.progress)
        )

    def _check_together(self) -> None:
        """Refuse options that would have no effect beside others."""
        idle = [
            name
            for name in ("heavy", "strength")
            if self.share is not None and getattr(self, name) is not None
        ]
        if self.softness > 0:
            idle += [name for name in ("strength", "share") if getattr(self, name) is not None]
            idle += ["threshold"] * (self.threshold != 0.5) + ["heavy"] * (
                self.heavy == "proportional"
            )
        if self.heavy == "proportional" and self.strength is not None:
            idle.append("strength")
        if idle:
            raise MaskwrightError(
                "Policy 'foreground' takes heavy and strength, or share, or softness and heavy fg"
                f" or bg; here {idle[0]} has no effect."
            )

    def _strength(self, progress: float) -> float:
        if self.heavy == "proportional":
            return 0.0
        return USUAL_STRENGTH if self.strength is None else float(self.strength.at(progress))

    def _sizes_before(self, division: Division) -> Tensor:
        """(B, 2) patches that are masked before foreground and background, when one comes after the
        other: the heavy side is first.
        """
        first = torch.tensor(
            [[1.0, 0.0]] if self.heavy == "bg" else [[0.0, 1.0]], device=division.sizes.device
        )
        return first * division.sizes.flip(1)


@dataclass(frozen=True, kw_only=True)
class PartsPolicy:
    """Go from masking inside every part to masking whole parts together (the curriculum of SemMAE,
    Li et al. 2022).

    whole: the share of masked patches that goes to whole parts, one part after the other in an
        order drawn for each image; the others go to all parts by their size. A schedule, read at
        progress ** power; power 2 stays gentle longer, as in SemMAE.
    weights: a part of larger weight more likely comes early in the order, as in drawing without
        replacement, {eyes: 3, face: 1}; parts without a weight have 1, weight 0 comes last.
    protect: parts that stay visible at first: they are masked at (1 - protection) times the pace of
        the others; protection is a share or a schedule, "1->0" when left out. A patch belongs to
        the part with the largest share of it; what no part covers is the part "background". Equal
        shares go to the part whose name is first, and to the background last. A picture without
        parts is all background and masked at random. Shares are rounded by chance, because a part
        is often one patch, which would otherwise be hidden always or never.
    """

    traits: ClassVar[Traits] = Traits(needs=PARTS_NEEDED)
    weights: Mapping[str, float] = field(default_factory=dict)
    whole: Any = "0->1"
    power: float = 2.0
    protect: Sequence[str] = ()
    protection: Any = None

    def __post_init__(self) -> None:
        weights = _read_mapping("parts", "weights", self.weights)
        object.__setattr__(
            self,
            "weights",
            {
                name: check_number(f"the weight of {name}", one, 0, owner="Policy 'parts'")
                for name, one in weights.items()
            },
        )
        object.__setattr__(self, "whole", parse_share("whole", self.whole, owner="Policy 'parts'"))
        check_number("power", self.power, 0.01, owner="Policy 'parts'")
        object.__setattr__(self, "protect", _read_names("parts", "protect", self.protect))
        if self.protection is not None and not self.protect:
            raise MaskwrightError(
                "Policy 'parts' has a protection and no part to protect; name some: protect=[eyes,"
                " mouth]."
            )
        object.__setattr__(
            self,
            "protection",
            parse_share(
                "protection",
                "1->0" if self.protection is None else self.protection,
                owner="Policy 'parts'",
            ),
        )

    def score(self, scene: Scene) -> Tensor:
        names, ids = part_of_patches(scene)
        check_names("parts", "weights", self.weights, names)
        check_names("parts", "protect", self.protect, names)
        division = divide_patches(
            ids, len(names), scene.rng.fork("places").bits(scene.grid.num_patches)
        )
        offsets = scene.rng.fork("rounding").uniform(len(names))
        whole = self.whole.at(scene.progress**self.power)
        calls = call_by_size(division, offsets, self._sizes_before(scene, division, names), whole)
        return -calls / division.spread(self._paces(scene, names))

    def _sizes_before(self, scene: Scene, division: Division, names: Sequence[str]) -> Tensor:
        """(B, P) patches of the parts that come before each part, in an order drawn by weight: the
        shortest exponential wait is first.
        """
        weights = torch.tensor([self.weights.get(name, 1.0) for name in names], device=scene.device)
        waits = -torch.log1p(-scene.rng.fork("order").uniform(len(names))) / weights.clamp(
            min=LEAST
        )
        return ((waits[:, None, :] < waits[:, :, None]) * division.sizes[:, None, :]).sum(2)

    def _paces(self, scene: Scene, names: Sequence[str]) -> Tensor:
        """(1, P) how fast each part is masked beside the others."""
        kept = max(1 - self.protection.at(scene.progress), LEAST)
        return torch.tensor(
            [[kept if name in self.protect else 1.0 for name in names]], device=scene.device
        )


@dataclass(frozen=True, kw_only=True)
class PartRatiosPolicy:
    """Mask each part at a ratio of its own, and as many patches in all as the run's ratio says.

    ratios: {face: 0.9, eyes: 0.5->1}, numbers or schedules; parts left out share what is missing to
        the total, all at one ratio. Where the total cannot be met so, because all parts are named
        or those left out are too small, all ratios are scaled by one factor. Parts, the background
        and rounding are as in `PartsPolicy`. Named nothing, all patches are masked at random.
    """

    traits: ClassVar[Traits] = Traits(nested=False, needs=PARTS_NEEDED)
    ratios: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ratios = _read_mapping("part_ratios", "ratios", self.ratios)
        read = {
            name: parse_share(f"the ratio of {name}", ratio, owner="Policy 'part_ratios'")
            for name, ratio in ratios.items()
        }
        object.__setattr__(self, "ratios", read)

    def score(self, scene: Scene) -> Tensor:
        names, ids = part_of_patches(scene)
        check_names("part_ratios", "ratios", self.ratios, names)
        named = list(self.ratios)
        group = torch.tensor(
            [named.index(name) if name in named else len(named) for name in names],
            device=scene.device,
        )
        division = divide_patches(
            group[ids], len(named) + 1, scene.rng.fork("places").bits(scene.grid.num_patches)
        )
        offsets = scene.rng.fork("rounding").uniform(len(named))
        ratios = torch.tensor(
            [self.ratios[name].at(scene.progress) for name in named], device=scene.device
        ).expand_as(offsets)
        others = division.sizes[:, -1:]
        missing = scene.num_masked - torch.floor(ratios * division.sizes[:, :-1] + offsets).sum(
            1, keepdim=True
        )
        offsets = torch.cat([offsets, torch.full_like(others, 0.5)], dim=1)
        return -call_by_ratio(
            division,
            offsets,
            torch.cat([ratios, (missing / others.clamp(min=1)).clamp(0, 1)], dim=1),
        )


def part_of_patches(scene: Scene) -> tuple[list[str], Tensor]:
    """The names of the parts, the background last, and the (B, N) place in that list of the part
    with the largest share of each patch.
    """
    shares = scene.parts()
    names = sorted(set(shares) - {BACKGROUND})
    covers = [shares[name].float() for name in names]
    rest = 1 - sum(
        covers, torch.zeros(scene.batch_size, scene.grid.num_patches, device=scene.device)
    )
    return [*names, BACKGROUND], torch.stack([*covers, rest], dim=2).argmax(2)


def check_names(owner: str, option: str, asked: Iterable[str], known: Sequence[str]) -> None:
    """Raise MaskwrightError when an option names a part that the data does not have."""
    for name in asked:
        if name not in known:
            raise MaskwrightError(
                f"Policy '{owner}' names the part '{name}' in {option}, and the data has"
                f" {', '.join(known)}.{did_you_mean(name, known)}"
            )


def _read_mapping(owner: str, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise MaskwrightError(
            f"Policy '{owner}' needs {name} by part, as in {name}={{face: 0.5, eyes: 1}}; got"
            f" {value!r}."
        )
    return dict(value)


def _read_names(owner: str, name: str, value: Any) -> tuple[str, ...]:
    """Names of parts; a bare word of the one-line grammar comes as a call without arguments."""
    if not isinstance(value, (list, tuple)):
        raise MaskwrightError(
            f"Policy '{owner}' needs {name} to be a list of parts, as in {name}=[eyes, mouth]; got"
            f" {value!r}."
        )
    return tuple(map(str, value))
