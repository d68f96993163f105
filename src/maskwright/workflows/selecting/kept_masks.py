"""Kept patches by rival rules: the scorer's own choice beside random and block masks."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.masking.block import BlockPolicy
from maskwright.masking.policy import Policy, Scene, check_fits, mask_scene
from maskwright.masking.uniform import RandomPolicy
from maskwright.models.selection import pick
from maskwright.patches import Grid
from maskwright.patches.mask import split
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng, sample_rng


def draw_kept(
    logit: Tensor, grid: Grid, pretrained_count: int, seed: int
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(n, N) booleans of kept patches by how they were chosen, and why a way was left out.

    Chance comes from each picture's own stream.

    pretrained_count: how many patches the run itself kept.
    """
    ids, count = torch.arange(len(logit)), grid.num_patches
    selected = pick(logit)
    # The scorer keeps as many as it wants; rivals get the same counts, picture by picture, or all
    # get the mean count.
    counts = selected.sum(1)  # (n,)
    equal = min(max(1, round(float(counts.double().mean()))), count - 1)
    bits = sample_rng(seed, 0, ids, "same counts").bits(count)
    best = split(-logit, equal, rng=_rng(ids, seed, "equal"))  # larger scores are masked first
    masks = {
        "selected": selected,
        "random, same counts": _first(bits, counts),
        "selected, equal counts": ~best.is_masked,
        "random, equal counts": _draw(RandomPolicy(), grid, equal, ids, seed),
        "random, as pretrained": _draw(RandomPolicy(), grid, pretrained_count, ids, seed),
    }
    blocks = BlockPolicy(size=2)
    try:
        check_fits(blocks, grid, count - equal)
    except MaskwrightError as error:
        return masks, {"block, equal counts": str(error)}
    return {**masks, "block, equal counts": _draw(blocks, grid, equal, ids, seed)}, {}


def _first(bits: Tensor, counts: Tensor) -> Tensor:
    """Booleans of the `counts` (n,) smallest of each row."""
    ranks = bits.argsort(1).argsort(1)
    return ranks < counts[:, None]


def _draw(policy: Policy, grid: Grid, num_visible: int, ids: Tensor, seed: int) -> Tensor:
    """(n, N) booleans of the patches that a policy leaves visible."""
    scene = Scene(
        grid=grid,
        num_masked=grid.num_patches - num_visible,
        rng=_rng(ids, seed, "compare"),
        progress=1.0,
        sample_ids=ids,
    )
    return ~mask_scene(policy, scene).is_masked


def _rng(ids: Tensor, seed: int, purpose: str) -> KeyedRng:
    return sample_rng(seed, 0, ids, purpose)
