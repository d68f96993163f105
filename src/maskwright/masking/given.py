"""Masks that the user gives: as patches, or as pixels that are turned into patches by area."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Literal

import torch
from torch import Tensor

from maskwright.masking.policy import Policy, Scene, Traits
from maskwright.masking.stateful import leaves
from maskwright.patches.grid import Grid
from maskwright.support.checks import check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.support.on_device import numbers_on

Cover = Literal["any", "half", "all"]


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenPolicy:
    """Mask the patches of given masks first.

    The count still comes from the ratio, exactly: too small a given mask is filled, too large a one
    is cut, both by chance. `given_ratio` is the ratio at which neither happens.

    Formula: score[i] = given[i], ties by chance
    Source: this package.

    masks: (rows, cols) for every image, or (S, N) of which each image takes one; True (or the
        larger number) is masked first.
    choose: "by_chance" draws one of the S anew each time, "by_sample" takes the one of the
        picture's name, whatever part of the data it is in.
    names: of the S masks: the picture's path or file name with any ending, or for pictures in an
        array `row 0`, `row 1` ... (the default).
    """

    masks: Tensor
    choose: Literal["by_chance", "by_sample"] = "by_chance"
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_one_of("choose", self.choose, ("by_chance", "by_sample"), owner="Policy 'given'")
        is_matrix = isinstance(self.masks, Tensor) and self.masks.ndim == 2
        if not is_matrix or not self.masks.numel():
            raise MaskwrightError(
                "Policy 'given' needs masks as a (rows, cols) or (masks, patches) tensor of"
                " booleans or numbers."
            )
        if not torch.isfinite(self.masks.float()).all():
            raise MaskwrightError("Policy 'given' needs finite masks; got NaN or infinity.")
        if self.names and len(self.names) != len(self.masks):
            raise MaskwrightError(
                f"Policy 'given' needs a name for each of its {len(self.masks)} masks; got"
                f" {len(self.names)}."
            )
        # endings do not count: a mask is often a PNG where its picture is a JPEG
        stems = Counter(map(_stem, self.names))
        if doubled := [stem for stem, count in stems.items() if count > 1]:
            raise MaskwrightError(
                f"Policy 'given' has several masks named '{doubled[0]}'; one picture takes one."
            )

    @property
    def traits(self) -> Traits:
        # one mask without a name is for every picture, whatever it is called
        is_for_all = len(self.masks) == 1 and not self.names
        is_by_name = self.choose == "by_sample" and not is_for_all
        needs = frozenset({"keys"} if is_by_name else ())
        return Traits(uniform=False, needs=needs)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        self._in_rows(grid)

    def score(self, scene: Scene) -> Tensor:
        bank = self._in_rows(scene.grid).to(scene.device, torch.float32)  # (S, N)
        if len(bank) == 1 and not self.names:
            return bank.expand(scene.batch_size, -1)
        if self.choose == "by_chance":
            drawn = scene.rng.integers(0, len(bank))  # (B,)
            return bank[drawn]
        if scene.keys is None:
            raise MaskwrightError(
                "Policy 'given(choose='by_sample')' needs to know the name of each picture, and"
                " there are no pictures here."
            )
        rows = [self.row_of(key) for key in scene.keys]
        return bank[numbers_on(scene.device, rows)]

    def check_pictures(self, keys: Iterable[str]) -> None:
        """Raise MaskwrightError when masks go by sample and a picture has none of its own."""
        if "keys" not in self.traits.needs:
            return
        owner: dict[int, str] = {}
        for key in keys:
            other = owner.setdefault(self.row_of(key), key)
            if other != key:
                raise MaskwrightError(
                    f"The pictures '{other}' and '{key}' would share one mask of the policy"
                    " 'given'; put masks into folders as the pictures are."
                )

    def row_of(self, key: str) -> int:
        """Which of the masks belongs to a picture, by its path without ending, else by its name.

        Raises MaskwrightError when none does.
        """
        stem = _stem(key)
        name = PurePosixPath(stem).name
        row = self._rows.get(stem)
        if row is None:
            row = self._rows_by_name.get(name)
        if row is None:
            raise MaskwrightError(
                f"Policy 'given' has {len(self.masks)} masks and none for the picture '{key}';"
                " by_sample takes a folder with a mask named like each picture, or for pictures in"
                " one array an array of as many masks."
            )
        return row

    @cached_property
    def _rows(self) -> dict[str, int]:
        names = self.names or [f"row {row}" for row in range(len(self.masks))]
        return {_stem(name): row for row, name in enumerate(names)}

    @cached_property
    def _rows_by_name(self) -> dict[str, int]:
        """By name alone, without names that occur in several folders."""
        names = [PurePosixPath(path).name for path in self._rows]
        count = Counter(names)
        rows = zip(names, self._rows.values(), strict=True)
        return {name: row for name, row in rows if count[name] == 1}

    def _in_rows(self, grid: Grid) -> Tensor:
        """(S, N) masks that fit this grid."""
        if tuple(self.masks.shape) == (grid.rows, grid.cols):
            return self.masks.reshape(1, -1)
        if self.masks.shape[1] == grid.num_patches:
            return self.masks
        shape = "x".join(map(str, self.masks.shape))
        raise MaskwrightError(
            f"A given mask of shape {shape} does not fit a {grid.rows}x{grid.cols} grid; resample"
            " it with cover_patches."
        )


def _stem(key: str) -> str:
    """A picture's name without its ending; items of a Dataset are rows too."""
    if key.startswith("item "):
        return f"row {key.removeprefix('item ')}"
    return str(PurePosixPath(key).with_suffix(""))


def check_given(policy: Policy, keys: Sequence[str]) -> None:
    """Raise MaskwrightError when a policy's masks by sample do not fit pictures of these names."""
    for leaf in leaves(policy):
        if isinstance(leaf, GivenPolicy):
            leaf.check_pictures(keys)


def measure_cover(pixel_masks: Tensor, grid: Grid) -> Tensor:
    """Return (S, N) float shares: how much of each patch's area (S, H, W) pixel masks cover.

    H and W need not be the image's, and need not divide: each pixel counts by the exact area that
    it shares with the patch.
    """
    if pixel_masks.ndim != 3 or not pixel_masks.numel():
        raise MaskwrightError(
            f"Pixel masks are (masks, height, width); got shape {tuple(pixel_masks.shape)}."
        )
    down = _overlap(grid.rows, pixel_masks.shape[1], pixel_masks.device)
    right = _overlap(grid.cols, pixel_masks.shape[2], pixel_masks.device)
    # (rows, H) @ (S, H, W) @ (W, cols) -> (S, rows, cols)
    shares = down @ pixel_masks.double() @ right.T
    return shares.flatten(1).float()


def cover_patches(pixel_masks: Tensor, grid: Grid, cover: Cover = "half") -> Tensor:
    """Turn (S, H, W) pixel masks, True = masked, into (S, N) patch masks.

    cover: how much of a patch has to be covered for it to be masked.
    """
    check_one_of("cover", cover, ("any", "half", "all"), owner="Policy 'given'")
    share = measure_cover(pixel_masks.bool(), grid)
    # 1e-6: shares are sums of areas, and a patch that is covered whole may come out just below 1
    if cover == "any":
        return share > 1e-6
    least = 0.5 if cover == "half" else 1.0
    return share >= least - 1e-6


def given_ratio(masks: Tensor) -> float:
    """Return the ratio that masks exactly what (S, N) or (rows, cols) boolean masks hold.

    Masks that differ count by their mean. Raises MaskwrightError when that masks nothing or
    everything.
    """
    flags = masks.bool()
    in_rows = flags.flatten(1) if flags.ndim == 2 else flags[None]
    total = in_rows.shape[1]
    # float64, since float32 cannot count beyond 2**24
    counts = in_rows.sum(1, dtype=torch.float64)  # (S,)
    count = round(float(counts.mean()))
    if not 0 < count < total:
        raise MaskwrightError(
            f"The given mask hides {count} of {total} patches; it needs to leave some visible and"
            " some masked."
        )
    return count / total


def _overlap(parts: int, pixels: int, device: torch.device) -> Tensor:
    """(parts, pixels) share of each of `parts` equal stretches that each pixel makes up.

    Rows sum to 1.
    """
    # a stretch and a pixel share what lies before both ends and behind both beginnings
    steps = torch.arange(parts + 1, device=device, dtype=torch.float64)
    edges = steps * pixels / parts
    pixel = torch.arange(pixels, device=device, dtype=torch.float64)
    first_end = torch.minimum(edges[1:, None], pixel + 1)
    last_begin = torch.maximum(edges[:-1, None], pixel)
    shared = (first_end - last_begin).clamp(min=0)  # (parts, pixels)
    return shared * parts / pixels
