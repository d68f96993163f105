"""Masks that the user gives: as patches, or as pixels that are turned into patches by area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from maskwright.masking.options import read_choice
from maskwright.masking.policy import Scene, Traits
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError

Cover = Literal["any", "half", "all"]


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenPolicy:
    """Mask the patches of given masks first.

    masks: (rows, cols) for every image, or (S, N) of which each image takes one; True (or the larger number) is masked first.
    choose: "by_chance" draws one of the S anew each time, "by_sample" takes mask i for sample i of the data.
    The count still comes from the ratio, exactly: too small a given mask is filled, too large a one is cut, both by chance.
    `given_ratio` is the ratio at which neither happens.
    """

    traits: ClassVar[Traits] = Traits(uniform=False)
    masks: Tensor
    choose: Literal["by_chance", "by_sample"] = "by_chance"

    def __post_init__(self) -> None:
        read_choice("given", "choose", self.choose, ("by_chance", "by_sample"))
        if not isinstance(self.masks, Tensor) or self.masks.ndim != 2 or not self.masks.numel():
            raise MaskwrightError(
                "Policy 'given' needs masks as a (rows, cols) or (masks, patches) tensor of booleans or numbers."
            )
        if not torch.isfinite(self.masks.float()).all():
            raise MaskwrightError("Policy 'given' needs finite masks; got NaN or infinity.")

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        self._in_rows(grid)

    def score(self, scene: Scene) -> Tensor:
        bank = self._in_rows(scene.grid).to(scene.device, torch.float32)
        if len(bank) == 1:
            return bank.expand(scene.batch_size, -1)
        if self.choose == "by_chance":
            return bank[scene.rng.integers(0, len(bank))]
        if scene.sample_ids is None:
            raise MaskwrightError(
                "Policy 'given(choose='by_sample')' needs to know which sample each image is."
            )
        if scene.sample_ids.device.type == "cpu" and int(scene.sample_ids.max()) >= len(bank):
            raise MaskwrightError(
                f"Policy 'given' has {len(bank)} masks and none for sample {int(scene.sample_ids.max())}."
            )
        return bank[scene.sample_ids.to(scene.device)]

    def _in_rows(self, grid: Grid) -> Tensor:
        """(S, N) masks that fit this grid."""
        if tuple(self.masks.shape) == (grid.rows, grid.cols):
            return self.masks.reshape(1, -1)
        if self.masks.shape[1] == grid.num_patches:
            return self.masks
        shape = "x".join(map(str, self.masks.shape))
        raise MaskwrightError(
            f"A given mask of shape {shape} does not fit a {grid.rows}x{grid.cols} grid; resample it with cover_patches."
        )


def measure_cover(pixel_masks: Tensor, grid: Grid) -> Tensor:
    """Return (S, N) float shares: how much of each patch's area a (S, H, W) pixel mask covers.

    H and W need not be the image's nor divide; each pixel counts by the exact area it shares with the patch.
    """
    if pixel_masks.ndim != 3 or not pixel_masks.numel():
        raise MaskwrightError(
            f"Pixel masks are (masks, height, width); got shape {tuple(pixel_masks.shape)}."
        )
    down = _overlap(grid.rows, pixel_masks.shape[1], pixel_masks.device)
    right = _overlap(grid.cols, pixel_masks.shape[2], pixel_masks.device)
    return (down @ pixel_masks.double() @ right.T).flatten(1).float()


def cover_patches(pixel_masks: Tensor, grid: Grid, cover: Cover = "half") -> Tensor:
    """Turn (S, H, W) pixel masks, True = masked, into (S, N) patch masks: masked where any, half or all of a patch is covered."""
    read_choice("given", "cover", cover, ("any", "half", "all"))
    share = measure_cover(pixel_masks.bool(), grid)
    return share > 1e-6 if cover == "any" else share >= {"half": 0.5, "all": 1.0}[cover] - 1e-6


def given_ratio(masks: Tensor) -> float:
    """Return the ratio that masks exactly what (S, N) or (rows, cols) boolean masks hold; of masks that differ, their mean count.

    Raises MaskwrightError when that masks nothing or everything.
    """
    in_rows = masks.bool().flatten(1) if masks.ndim == 2 else masks.bool()[None]
    count, total = round(float(in_rows.sum(1, dtype=torch.float64).mean())), in_rows.shape[1]
    if not 0 < count < total:
        raise MaskwrightError(
            f"The given mask hides {count} of {total} patches; it needs to leave some visible and some masked."
        )
    return count / total


def _overlap(parts: int, pixels: int, device: torch.device) -> Tensor:
    """(parts, pixels) share of each of `parts` equal stretches that each pixel makes up; rows sum to 1."""
    edges = torch.arange(parts + 1, device=device, dtype=torch.float64) * pixels / parts
    pixel = torch.arange(pixels, device=device, dtype=torch.float64)
    shared = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
    return shared.clamp(min=0) * parts / pixels
