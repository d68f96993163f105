"""Filling a painted hole at the picture's own resolution.

The model sees no hidden pixel, and no pixel outside the hole changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.evaluation.fill import fill_pixels
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.masking.given import Cover, cover_patches
from maskwright.patches import PatchMask
from maskwright.support.checks import check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel

Fit = Literal["resize", "tile"]
# Pictures or windows that a model fills at once.
_CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class HoleSettings:
    """How a hole of pixels is filled.

    cover: a patch is hidden where `any`, `half` or `all` of it lies in the hole; hole pixels in
        patches that stay visible get a smooth fill.
    fit: `resize` brings the whole picture to the model's size and the fill back up; `tile` slides
        the model's window over the hole at full resolution, half overlapping and blended.
    feather: pixels over which the fill fades, inside the hole, into a smooth continuation of what
        surrounds it.
    """

    cover: Cover = "any"
    fit: Fit = "resize"
    feather: int = 4

    def __post_init__(self) -> None:
        check_one_of("cover", self.cover, ("any", "half", "all"))
        check_one_of("fit", self.fit, ("resize", "tile"))
        if self.feather < 0:
            raise MaskwrightError(
                f"--feather is a number of pixels, 0 or more; got {self.feather}."
            )


@dataclass(frozen=True)
class _HoleToFill:
    """A picture without its hidden pixels, and where they are.

    smooth: (1, C, h, w) in [0, 1], the hole filled smoothly from its border: nothing of what was
        hidden is left in it.
    hole: (h, w) bool.
    how: how it is filled.
    name: the picture's, for messages.
    """

    smooth: Tensor
    hole: Tensor
    how: HoleSettings
    name: str


def inpaint(
    loaded: LoadedModel,
    picture: Tensor,
    hole: Tensor,
    how: HoleSettings,
    device: torch.device,
    name: str = "picture",
) -> Tensor:
    """Fill the hole (h, w) of a (C, h, w) uint8 picture, which stays the same outside of it."""
    smooth = fill_pixels(picture[None].float() / 255, hole[None, None]).clamp(0, 1)
    fill = _by_resizing if how.fit == "resize" else _by_tiles
    guess = fill(loaded, _HoleToFill(smooth, hole, how, name), device)
    # Towards the border of the hole the model's fill fades into the smooth one.
    share = feathered(hole, how.feather)
    mixed = (share * guess + (1 - share) * smooth)[0]
    return torch.where(hole, (mixed * 255).round().clamp(0, 255).byte(), picture)


def feathered(hole: Tensor, feather: int) -> Tensor:
    """(h, w) share of the model's fill: 0 outside the hole, rising to 1 over `feather` pixels."""
    inside = hole[None, None].float()
    total = inside.clone()
    for _ in range(feather):
        # The hole shrinks by a pixel on all sides. Padding with the lowest value: the border of the
        # picture is no edge of the hole.
        inside = -F.max_pool2d(-inside, 3, stride=1, padding=1)
        total = total + inside
    return total[0, 0] / (feather + 1)


def fill_patches(
    loaded: LoadedModel, images: Tensor, is_masked: Tensor, device: torch.device
) -> Tensor:
    """Let the model fill (n, C, H, W) images in [0, 1] under (n, N) masks: composites in [0, 1].

    The counts of the masks may differ.
    """
    model = loaded.model.to(device)
    out = images.clone()
    counts = is_masked.sum(1)
    with evaluation_mode(model, device):
        # A batch has masks of one count.
        for count in counts.unique().tolist():
            for ids in (counts == count).nonzero()[:, 0].split(_CHUNK):
                mask = PatchMask.from_is_masked(is_masked[ids]).to(device)
                inputs = loaded.scale.to_model(images[ids].to(device))
                # Statistics of visible patches: those of hidden ones are not known here.
                picture = model(inputs, mask).to_picture("visible")
                out[ids] = loaded.scale.to_display(picture.composite).cpu()
    return out


def _by_resizing(loaded: LoadedModel, picture: _HoleToFill, device: torch.device) -> Tensor:
    """Bring the whole picture to the model's size and the fill back up: (1, C, h, w)."""
    grid = loaded.model.grid
    # The hole keeps its full resolution: which patches are hidden is decided exactly.
    is_masked = cover_patches(picture.hole[None], grid, picture.how.cover)
    _check_patches(is_masked, picture)
    small = _resize(picture.smooth, grid.image_size)
    filled = fill_patches(loaded, small, is_masked, device)
    return _resize(filled, (picture.hole.shape[0], picture.hole.shape[1]))


def _resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    # Bicubic weights overshoot.
    resized = F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 1)


def _by_tiles(loaded: LoadedModel, picture: _HoleToFill, device: torch.device) -> Tensor:
    """Slide the model's window over the hole at full resolution: (1, C, h, w)."""
    grid, hole = loaded.model.grid, picture.hole
    height, width = grid.image_size
    if hole.shape[0] < height or hole.shape[1] < width:
        raise MaskwrightError(
            f"'{picture.name}' is smaller than the model's {height}x{width} window; use --fit"
            " resize."
        )
    windows = _touching_windows(hole, height, width)
    images = torch.cat([picture.smooth[:, :, rows, cols] for rows, cols in windows])
    cuts = torch.stack([hole[rows, cols] for rows, cols in windows])
    is_masked = cover_patches(cuts, grid, picture.how.cover)
    # A model needs something to see and something to fill.
    usable = is_masked.any(1) & ~is_masked.all(1)
    if not is_masked.any():
        _check_patches(is_masked[:1], picture)
    if not usable.any():
        raise _too_large(picture.name, height, width)
    filled = fill_patches(loaded, images[usable], is_masked[usable], device)
    used = [window for window, good in zip(windows, usable.tolist(), strict=True) if good]
    seen = 1 - is_masked[usable].float().mean(1)
    total, weight = _blend(picture.smooth, filled, seen, used)
    # Windows that see nothing are left out; where no other reaches, the hole would stay smooth.
    some_blind = bool(is_masked.all(1).any())
    if some_blind and bool((hole & (weight[0, 0] == 0)).any()):
        raise _too_large(picture.name, height, width)
    return torch.where(weight > 0, total / weight.clamp_min(1e-9), picture.smooth)


def _touching_windows(hole: Tensor, height: int, width: int) -> list[tuple[slice, slice]]:
    """Rows and columns of the windows that hold some of the hole."""
    windows = []
    for top in _starts(hole.shape[0], height):
        for left in _starts(hole.shape[1], width):
            window = slice(top, top + height), slice(left, left + width)
            if hole[window].any():
                windows.append(window)
    return windows


def _blend(
    smooth: Tensor, filled: Tensor, seen: Tensor, windows: list[tuple[slice, slice]]
) -> tuple[Tensor, Tensor]:
    """Sum overlapping windows, each by how much it saw and how near its middle a pixel is.

    Returns the weighted sum (1, C, h, w) and the sum of weights (1, 1, h, w).
    """
    height, width = filled.shape[-2:]
    # A pyramid, highest in the middle, where a model sees most around a pixel.
    down = torch.minimum(torch.arange(1, height + 1), torch.arange(height, 0, -1))
    across = torch.minimum(torch.arange(1, width + 1), torch.arange(width, 0, -1))
    hat = down[:, None] * across
    total, weight = torch.zeros_like(smooth), torch.zeros_like(smooth[:, :1])
    for (rows, cols), window, share in zip(windows, filled, seen, strict=True):
        total[:, :, rows, cols] += window * hat * share
        weight[:, :, rows, cols] += hat * share
    return total, weight


def _too_large(name: str, height: int, width: int) -> MaskwrightError:
    return MaskwrightError(
        f"The hole of '{name}' is larger than the model's {height}x{width} window can see around;"
        " use --fit resize."
    )


def _starts(length: int, window: int) -> list[int]:
    """Where windows start that overlap by half and reach both ends."""
    return sorted({*range(0, length - window, window // 2), length - window})


def _check_patches(is_masked: Tensor, picture: _HoleToFill) -> None:
    """Raise MaskwrightError where (1, N) hides all patches or none."""
    hidden, total = int(is_masked.sum()), is_masked.shape[1]
    if hidden == total:
        raise MaskwrightError(
            f"The mask for '{picture.name}' touches all {total} patches, so the model sees"
            " nothing; use --cover half or all."
        )
    if hidden == 0:
        raise MaskwrightError(
            f"The mask for '{picture.name}' covers no patch by --cover {picture.how.cover}; use"
            " --cover any."
        )
