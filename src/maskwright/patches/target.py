"""The contract of targets: what a decoder predicts of each patch, and the way back to pixels.

The targets themselves are in `maskwright.targets`. Letters of shapes are listed in
`maskwright.patches`; T counts the values that a target has for each patch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import take
from maskwright.patches.pixels import PatchStats, unpatchify, widen
from maskwright.support.errors import MaskwrightError

# What a target's values become when they are turned back into pixels.
Returns = Literal["picture", "projection", "blur", "nothing"]
PICTURE_TARGETS = "raw, normalized, lowpass or components"


@dataclass(frozen=True)
class PatchShape:
    """The pixels of a patch.

    size: its side in pixels.
    channels: of the pictures.
    """

    size: int
    channels: int

    @property
    def num_values(self) -> int:
        """P, the numbers of a patch."""
        return self.size**2 * self.channels


@dataclass(frozen=True, kw_only=True)
class TargetTraits:
    """What a target promises.

    returns: what its values become as pixels: the true `picture`, a `projection` of it (projecting
        twice changes nothing more), a `blur` of it, or `nothing`.
    is_pixels: whether the values are laid out as the pixels of a patch, (row, column, channel).
    needs_stats: whether mean and deviation of a patch are needed to go back to its pixels.
    network: the encoder whose features are predicted; None where pixels are enough.
    """

    returns: Returns = "nothing"
    is_pixels: bool = False
    needs_stats: bool = False
    network: str | None = None

    @property
    def has_picture(self) -> bool:
        """Whether predictions can be shown and compared as pictures."""
        return self.returns != "nothing"


class HasTraits(Protocol):
    """A target, or the settings of one."""

    @property
    def traits(self) -> TargetTraits:
        """What the target promises."""
        ...


class Target(HasTraits, Protocol):
    """What a decoder predicts of each patch.

    Besides, a target is a `PatchTarget`, a `PictureTarget`, or names a network in its traits; and a
    `PixelTarget` where its values lead back to pixels. `str` gives the line that builds it.
    """

    def num_values(self, shape: PatchShape) -> int:
        """T, the values of a patch of that shape.

        Raises MaskwrightError for patches that it cannot describe.
        """
        ...


@runtime_checkable
class PatchTarget(Protocol):
    """A target that looks at each patch by itself."""

    def of_patches(self, patches_BKP: Tensor) -> Tensor:
        """Values (B, K, T) of patches in the model's numbers, float32 or float64."""
        ...


@runtime_checkable
class PictureTarget(Protocol):
    """A target that looks at whole pictures."""

    def of_pictures(self, images_BCHW: Tensor, grid: Grid, ids_BK: Tensor) -> Tensor:
        """Values (B, K, T) at some patches of pictures in the model's numbers, float32 or 64."""
        ...


@runtime_checkable
class PixelTarget(Protocol):
    """A target whose values lead back to pixels."""

    def to_pixels(self, values_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        """Pixels (B, K, P) of values; `stats` of the same patches where the traits ask for them."""
        ...

    def error_to_pixels(self, errors_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        """The difference in pixels, (B, K, P), that a difference in values makes."""
        ...


@runtime_checkable
class FittedTarget(Protocol):
    """A target that is fitted once, on pictures of the training, and kept with the model."""

    def fit(self, patches: Iterable[Tensor]) -> None:
        """Fit on batches of patches (B, N, P) in the model's numbers."""
        ...


def measure_target(target: Target, patches_BNP: Tensor, grid: Grid, ids_BK: Tensor) -> Tensor:
    """The values (B, K, T) of some patches, without a gradient and outside of autocast.

    patches_BNP: all patches of the pictures, in the model's numbers.

    Raises MaskwrightError for a target that a network computes.
    """
    with torch.no_grad(), torch.autocast(patches_BNP.device.type, enabled=False):
        if isinstance(target, PatchTarget):
            return target.of_patches(take(patches_BNP, ids_BK))
        if isinstance(target, PictureTarget):
            return target.of_pictures(unpatchify(widen(patches_BNP), grid), grid, ids_BK)
    raise MaskwrightError(
        f"The target {target} is computed by a network, which a training has; a model alone does"
        " not know it."
    )


def pixel_target(target: Target) -> PixelTarget:
    """The same target, known to lead back to pixels; raises MaskwrightError for others."""
    if isinstance(target, PixelTarget):
        return target
    require_picture(target)
    raise AssertionError(f"{target} says that it has a picture, and has no way back to pixels.")


def require_picture(target: HasTraits, owner: str = "This model") -> None:
    """Raise MaskwrightError where a picture is asked of a target that leads back to none.

    owner: who predicts it, for the message.
    """
    if target.traits.has_picture:
        return
    raise MaskwrightError(
        f"{owner} predicts the target {target}, which leads back to no picture, so there is nothing"
        " to reconstruct or to compare in pixels; features, probes and fine-tuning work. Pictures"
        f" come with --target {PICTURE_TARGETS}."
    )
