"""Masks that know the parts of a picture: whole parts together, or a ratio for each part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.masking.policy import Scene, Traits
from maskwright.masking.quotas import (
    LEAST,
    Division,
    call_by_ratio,
    call_by_size,
    divide_patches,
)
from maskwright.schedules import parse_share
from maskwright.support.checks import check_number
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.on_device import numbers_on

BACKGROUND = "background"
PARTS_NEEDED = frozenset({"prior:parts"})


@dataclass(frozen=True, kw_only=True)
class PartsPolicy:
    """Go from masking inside every part to masking whole parts together (SemMAE, Li et al. 2022).

    A patch belongs to the part with the largest share of it; what no part covers is the part
    "background". Equal shares go to the part whose name is first, and to the background last. A
    picture without parts is all background and masked at random. Shares are rounded by chance,
    because a part is often one patch, which would otherwise be hidden always or never.

    Formula: masked = whole * (parts in turn) + (1 - whole) * (all parts by size)
    Source: Li et al. 2022 (SemMAE).

    weights: a part of larger weight more likely comes early in the order, as in drawing without
        replacement, {eyes: 3, face: 1}; parts without a weight have 1, weight 0 comes last.
    whole: the share of masked patches that goes to whole parts, one part after the other in an
        order drawn for each image; the others go to all parts by their size. A schedule, read at
        progress ** power.
    power: 2 stays gentle longer, as in SemMAE.
    protect: parts that stay visible at first.
    protection: protected parts are masked at (1 - protection) times the pace of the others; a share
        or a schedule, "1->0" when left out.
    """

    traits: ClassVar[Traits] = Traits(needs=PARTS_NEEDED)
    weights: Mapping[str, float] = field(default_factory=dict)
    whole: Any = "0->1"
    power: float = 2.0
    protect: Sequence[str] = ()
    protection: Any = None

    def __post_init__(self) -> None:
        owner = "Policy 'parts'"
        weights = {
            part: check_number(f"the weight of {part}", weight, 0, owner=owner)
            for part, weight in _read_mapping("parts", "weights", self.weights).items()
        }
        check_number("power", self.power, 0.01, owner=owner)
        whole = parse_share("whole", self.whole, owner=owner)
        protect = _read_names("parts", "protect", self.protect)
        # a protection of nothing would silently have no effect
        if self.protection is not None and not protect:
            raise MaskwrightError(
                "Policy 'parts' has a protection and no part to protect; name some: protect=[eyes,"
                " mouth]."
            )
        protection = "1->0" if self.protection is None else self.protection
        protection = parse_share("protection", protection, owner=owner)

        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "whole", whole)
        object.__setattr__(self, "protect", protect)
        object.__setattr__(self, "protection", protection)

    def score(self, scene: Scene) -> Tensor:
        names, ids = part_of_patches(scene)
        check_names("parts", "weights", self.weights, names)
        check_names("parts", "protect", self.protect, names)
        bits = scene.rng.fork("places").bits(scene.grid.num_patches)
        division = divide_patches(ids, len(names), bits)

        # a patch is masked earlier the smaller the count at which it is called for
        offsets = scene.rng.fork("rounding").uniform(len(names))
        whole = self.whole.at(scene.progress**self.power)
        before = self._sizes_before(scene, division, names)
        calls = call_by_size(division, offsets, before, whole)
        paces = division.spread(self._paces(scene, names))
        return -calls / paces

    def _sizes_before(self, scene: Scene, division: Division, names: Sequence[str]) -> Tensor:
        """(B, P) patches of the parts that come before each part, in an order drawn by weight."""
        by_name = [self.weights.get(name, 1.0) for name in names]
        weights = numbers_on(scene.device, by_name)  # (P,)
        # exponential waits: the shortest is first, which draws by weight without replacement
        chance = scene.rng.fork("order").uniform(len(names))
        waits = -torch.log1p(-chance) / weights.clamp(min=LEAST)  # (B, P)
        is_before = waits[:, None, :] < waits[:, :, None]  # (B, P, P)
        sizes_before = is_before * division.sizes[:, None, :]
        return sizes_before.sum(2)

    def _paces(self, scene: Scene, names: Sequence[str]) -> Tensor:
        """(1, P) how fast each part is masked beside the others."""
        protected_pace = max(1 - self.protection.at(scene.progress), LEAST)
        paces = [protected_pace if name in self.protect else 1.0 for name in names]
        return numbers_on(scene.device, [paces])


@dataclass(frozen=True, kw_only=True)
class PartRatiosPolicy:
    """Mask each part at a ratio of its own, and as many patches in all as the run's ratio says.

    Where the total cannot be met so, because all parts are named or those left out are too small,
    all ratios are scaled by one factor. Parts, the background and rounding are as in `PartsPolicy`.
    Named nothing, all patches are masked at random.

    Formula: masked of part k = ratios[k] * patches of part k, scaled to the count
    Source: this package, after Li et al. 2022 (SemMAE).

    ratios: {face: 0.9, eyes: 0.5->1}, numbers or schedules; parts left out share what is missing to
        the total, all at one ratio.
    """

    traits: ClassVar[Traits] = Traits(nested=False, needs=PARTS_NEEDED)
    ratios: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ratios = _read_mapping("part_ratios", "ratios", self.ratios)
        schedules = {
            part: parse_share(f"the ratio of {part}", ratio, owner="Policy 'part_ratios'")
            for part, ratio in ratios.items()
        }
        object.__setattr__(self, "ratios", schedules)

    def score(self, scene: Scene) -> Tensor:
        names, ids = part_of_patches(scene)
        check_names("part_ratios", "ratios", self.ratios, names)

        # parts that are not named are one part, the last
        named = list(self.ratios)
        group_of = [named.index(name) if name in named else len(named) for name in names]
        group_ids = numbers_on(scene.device, group_of)[ids]  # (B, N)
        bits = scene.rng.fork("places").bits(scene.grid.num_patches)
        division = divide_patches(group_ids, len(named) + 1, bits)

        offsets = scene.rng.fork("rounding").uniform(len(named))  # (B, named)
        now = [self.ratios[name].at(scene.progress) for name in named]
        ratios = numbers_on(scene.device, now).expand_as(offsets)

        # the others make up the total: what is missing to it, over how many they are
        sizes = division.sizes[:, :-1]
        others = division.sizes[:, -1:]
        masked_of_named = torch.floor(ratios * sizes + offsets)
        missing = scene.num_masked - masked_of_named.sum(1, keepdim=True)
        ratio_of_others = missing / others.clamp(min=1)
        ratio_of_others = ratio_of_others.clamp(0, 1)

        # theirs is rounded to the nearest patch
        nearest = torch.full_like(others, 0.5)
        offsets = torch.cat([offsets, nearest], dim=1)
        ratios = torch.cat([ratios, ratio_of_others], dim=1)
        return -call_by_ratio(division, offsets, ratios)


def part_of_patches(scene: Scene) -> tuple[list[str], Tensor]:
    """The names of the parts, the background last, and the part of each patch.

    The (B, N) ids count in the list of names; a patch goes to the part with its largest share.
    """
    shares = scene.parts()
    names = sorted(set(shares) - {BACKGROUND})
    covers = [shares[name].float() for name in names]
    nothing = torch.zeros(scene.batch_size, scene.grid.num_patches, device=scene.device)
    background = 1 - sum(covers, nothing)  # what no part covers
    every_cover = torch.stack([*covers, background], dim=2)  # (B, N, P)
    # of equal shares the first wins, so the background loses
    ids = every_cover.argmax(2)
    return [*names, BACKGROUND], ids


def check_names(
    owner: str,
    option: str,
    parts: Iterable[str],
    known: Sequence[str],
) -> None:
    """Raise MaskwrightError when an option names a part that the data does not have."""
    for name in parts:
        if name not in known:
            raise MaskwrightError(
                f"Policy '{owner}' names the part '{name}' in {option}, and the data has"
                f" {', '.join(known)}.{did_you_mean(name, known)}"
            )


def _read_mapping(owner: str, name: str, value: Any) -> dict[str, Any]:
    """Values by the names of parts; raises MaskwrightError for anything else."""
    is_by_name = isinstance(value, Mapping) and all(isinstance(key, str) for key in value)
    if not is_by_name:
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
