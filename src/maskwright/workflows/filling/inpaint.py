"""Filling a painted hole at the picture's own resolution: the model sees no hidden pixel, and no
pixel outside the hole changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.evaluation.fill import fill_pixels
from maskwright.evaluation.frozen import held_still
from maskwright.masking.given import Cover, cover_patches
from maskwright.patches import PatchMask
from maskwright.support.checks import check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.weights.checkpoint import LoadedModel

Fit = Literal["resize", "tile"]
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


def inpaint(
    loaded: LoadedModel,
    picture: Tensor,
    hole: Tensor,
    how: HoleSettings,
    device: torch.device,
    name: str = "picture",
) -> Tensor:
    """Fill the hole (h, w) of a (C, h, w) uint8 picture; returns the same size and type, equal
    outside the hole bit for bit.
    """
    is_hidden = hole[None, None]
    smooth = fill_pixels(picture[None].float() / 255, is_hidden).clamp(0, 1)
    fill = _by_resizing if how.fit == "resize" else _by_tiles
    guess = fill(loaded, smooth, hole, how, device, name)
    share = feathered(hole, how.feather)
    mixed = (share * guess + (1 - share) * smooth)[0]
    return torch.where(hole, (mixed * 255).round().clamp(0, 255).byte(), picture)


def feathered(hole: Tensor, feather: int) -> Tensor:
    """(h, w) share of the model's fill: 0 outside the hole, rising to 1 over `feather` pixels
    inside it; the border is no edge.
    """
    inside = hole[None, None].float()
    total = inside.clone()
    for _ in range(feather):
        inside = -F.max_pool2d(-inside, 3, stride=1, padding=1)
        total = total + inside
    return total[0, 0] / (feather + 1)


def fill_patches(
    loaded: LoadedModel, images: Tensor, is_masked: Tensor, device: torch.device
) -> Tensor:
    """Let the model fill (n, C, H, W) images in [0, 1] under (n, N) masks whose counts may differ;
    returns composites in [0, 1].
    """
    model = loaded.model.to(device)
    out = images.clone()
    counts = is_masked.sum(1)
    with held_still(model, device):
        for count in counts.unique().tolist():
            for ids in (counts == count).nonzero()[:, 0].split(_CHUNK):
                mask = PatchMask.from_is_masked(is_masked[ids]).to(device)
                picture = model(loaded.scale.to_model(images[ids].to(device)), mask).to_picture(
                    "visible"
                )
                out[ids] = loaded.scale.to_display(picture.composite).cpu()
    return out


def _by_resizing(
    loaded: LoadedModel,
    smooth: Tensor,
    hole: Tensor,
    how: HoleSettings,
    device: torch.device,
    name: str,
) -> Tensor:
    grid = loaded.model.grid
    is_masked = cover_patches(hole[None], grid, how.cover)
    _check_patches(is_masked, name, how)
    small = F.interpolate(
        smooth, grid.image_size, mode="bicubic", antialias=True, align_corners=False
    ).clamp(0, 1)
    filled = fill_patches(loaded, small, is_masked, device)
    return F.interpolate(
        filled, tuple(hole.shape), mode="bicubic", antialias=True, align_corners=False
    ).clamp(0, 1)


def _by_tiles(
    loaded: LoadedModel,
    smooth: Tensor,
    hole: Tensor,
    how: HoleSettings,
    device: torch.device,
    name: str,
) -> Tensor:
    grid = loaded.model.grid
    height, width = grid.image_size
    if hole.shape[0] < height or hole.shape[1] < width:
        raise MaskwrightError(
            f"'{name}' is smaller than the model's {height}x{width} window; use --fit resize."
        )
    corners = [
        (top, left)
        for top in _starts(hole.shape[0], height)
        for left in _starts(hole.shape[1], width)
    ]
    touched = [
        (top, left) for top, left in corners if hole[top : top + height, left : left + width].any()
    ]
    windows = torch.cat(
        [smooth[:, :, top : top + height, left : left + width] for top, left in touched]
    )
    cuts = torch.stack([hole[top : top + height, left : left + width] for top, left in touched])
    is_masked = cover_patches(cuts, grid, how.cover)
    usable = is_masked.any(1) & ~is_masked.all(1)
    if not usable.any() and not is_masked.any():
        _check_patches(is_masked[:1], name, how)
    if not usable.any():
        raise _too_large(name, height, width)
    filled = fill_patches(loaded, windows[usable], is_masked[usable], device)
    places = [place for place, good in zip(touched, usable.tolist(), strict=True) if good]
    return _blend(
        smooth,
        filled,
        1 - is_masked[usable].float().mean(1),
        places,
        hole,
        is_masked.all(1).any(),
        name,
    )


def _blend(
    smooth: Tensor,
    filled: Tensor,
    seen: Tensor,
    places: list[tuple[int, int]],
    hole: Tensor,
    some_blind: Tensor,
    name: str,
) -> Tensor:
    """Average overlapping windows, each by how much it saw and how near its middle a pixel is."""
    height, width = filled.shape[-2:]
    hat = torch.minimum(torch.arange(1, height + 1), torch.arange(height, 0, -1))[
        :, None
    ] * torch.minimum(torch.arange(1, width + 1), torch.arange(width, 0, -1))
    total, weight = torch.zeros_like(smooth), torch.zeros_like(smooth[:, :1])
    for (top, left), window, share in zip(places, filled, seen, strict=True):
        area = (slice(None), slice(None), slice(top, top + height), slice(left, left + width))
        total[area] += window * hat * share
        weight[area] += hat * share
    if bool(some_blind) and bool((hole & (weight[0, 0] == 0)).any()):
        raise _too_large(name, height, width)
    return torch.where(weight > 0, total / weight.clamp_min(1e-9), smooth)


def _too_large(name: str, height: int, width: int) -> MaskwrightError:
    return MaskwrightError(
        f"The hole of '{name}' is larger than the model's {height}x{width} window can see around;"
        " use --fit resize."
    )


def _starts(length: int, window: int) -> list[int]:
    """Where windows start that overlap by half and reach both ends."""
    return sorted({*range(0, length - window, window // 2), length - window})


def _check_patches(is_masked: Tensor, name: str, how: HoleSettings) -> None:
    hidden, total = int(is_masked.sum()), is_masked.shape[1]
    if hidden == total:
        raise MaskwrightError(
            f"The mask for '{name}' touches all {total} patches, so the model sees nothing; use"
            " --cover half or all."
        )
    if hidden == 0:
        raise MaskwrightError(
            f"The mask for '{name}' covers no patch by --cover {how.cover}; use --cover any."
        )
