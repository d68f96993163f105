"""Taking patches away in an order: each larger share takes the same patches and more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.evaluation.fill import hidden_pixels
from maskwright.masking.catalog import POLICIES, build_policy
from maskwright.masking.policy import Scene
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, check_ratio, split, visible_count
from maskwright.patches.pixels import PixelScale
from maskwright.support.checks import read_word
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.seeding import KeyedRng, sample_rng

# Orders by the attention of the encoder's own last block.
SALIENT = ("salient-first", "salient-last")
ORDERS = ("random", "block", *SALIENT)
# Tokens left out of the encoder, or patches painted.
WAYS = ("drop", "gray")

SaliencyReader = Callable[[], Tensor]


@dataclass(frozen=True)
class Removal:
    """An order in which patches vanish.

    order: `salient-first` or `salient-last` by a map of each picture, or a masking policy.
    grid: the patches of a picture.
    seed: draws the order of policies.
    """

    order: str
    grid: Grid
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", read_order("order", self.order))
        if self.order not in SALIENT:
            self._check_policy()

    def masks(
        self, ratios: tuple[float, ...], sample_ids: Tensor, look: SaliencyReader
    ) -> list[PatchMask]:
        """One mask per ratio, each hiding what the smaller ones hide.

        sample_ids: (B,) numbers of the pictures, so that batch mates change nothing.
        look: gives (B, N) saliency, called only by orders that need it.
        """
        # One score for all ratios, and ties broken alike, so that masks are nested.
        scores = self._scores(max(ratios), sample_ids, look)
        masks = []
        for ratio in ratios:
            count = visible_count(self.grid.num_patches, ratio)
            masks.append(split(scores, count, rng=self._rng(sample_ids, "split")))
        return masks

    def _scores(self, ratio: float, sample_ids: Tensor, look: SaliencyReader) -> Tensor:
        if self.order in SALIENT:
            return look() if self.order == "salient-first" else -look()
        # Policies that place shapes are scored for the largest share, and smaller ones take a part.
        hidden = self.grid.num_patches - visible_count(self.grid.num_patches, ratio)
        scene = Scene(self.grid, hidden, self._rng(sample_ids, "score"))
        return build_policy(self.order).score(scene)

    def _rng(self, sample_ids: Tensor, purpose: str) -> KeyedRng:
        return sample_rng(self.seed, 0, sample_ids, f"occlusion {purpose}")

    def _check_policy(self) -> None:
        name = self.order.partition("(")[0].strip()
        if name not in POLICIES:
            raise MaskwrightError(
                f"Unknown order '{name}'.{did_you_mean(name, (*POLICIES, *SALIENT))} Patches vanish"
                f" by {', '.join(ORDERS)} or a masking policy such as 'block(size=4)'."
            )
        traits = build_policy(self.order).traits
        if traits.needs or not traits.nested:
            raise MaskwrightError(
                f"Policy '{self.order}' gives no order of patches by itself; use"
                f" {', '.join(ORDERS)} or red."
            )


def check_ratios(ratios: tuple[float, ...], grid: Grid) -> None:
    """Raise MaskwrightError unless ratios rise, and each takes a patch and leaves one."""
    if not ratios or list(ratios) != sorted(set(ratios)):
        raise MaskwrightError(
            "Shares of patches taken away must rise, such as 0.25, 0.5, 0.75; got"
            f" {', '.join(map(str, ratios)) or 'none'}."
        )
    for ratio in ratios:
        check_ratio(grid.num_patches, ratio)


def gray_out(images: Tensor, mask: PatchMask, grid: Grid, scale: PixelScale) -> Tensor:
    """Paint the masked patches of uint8 (B, C, H, W) images in the mean color of training."""
    # The mean color is 0 in the model's numbers: what it takes for no information.
    color = (torch.tensor(scale.mean) * 255).round().byte()[:, None, None]
    return torch.where(hidden_pixels(mask, grid), color, images)


def read_order(option: str, value: object) -> str:
    """Return the name of an order, in which `salient_first` stands for `salient-first`.

    Raises MaskwrightError, naming the option, for what is no name.
    """
    # The shorthand of options has no hyphens inside bare words.
    return read_word(option, value).replace("salient_", "salient-")
