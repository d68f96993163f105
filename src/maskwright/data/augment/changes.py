"""Changes after the crop: upside down, turned, other colors. All are off by default.

Maps are turned with their pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.support.checks import check_inside
from maskwright.support.seeding import sample_rng

# How bright red, green and blue look (ITU-R BT.601), and the color space of NTSC television: one
# axis of brightness, two of color.
_LUMA = (0.299, 0.587, 0.114)
_TO_YIQ = (
    (0.299, 0.587, 0.114),
    (0.5959, -0.2746, -0.3213),
    (0.2115, -0.5227, 0.3112),
)


@dataclass(frozen=True)
class DrawnChanges:
    """What happens to each picture of a batch.

    turn: (B,) in radians.
    upside_down: (B,) bool.
    colors: (B, 4) strengths of brightness, contrast, saturation and hue.
    """

    turn: Tensor
    upside_down: Tensor
    colors: Tensor


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How much pictures may change.

    Saturation and hue leave pictures without three channels alone.

    rotate: the most degrees of a turn around the crop's center, either way; what lies outside the
        crop is filled with its mirror image.
    vertical_flip: turn half of the pictures upside down.
    brightness, contrast, saturation: factors drawn from 1 - x to 1 + x.
    hue: the most of a full color circle, either way.
    """

    rotate: float = 0.0
    vertical_flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        check_inside("rotate", self.rotate, 0, 180)
        for name in ("brightness", "contrast", "saturation"):
            check_inside(name, getattr(self, name), 0, 1)
        check_inside("hue", self.hue, 0, 0.5)

    @property
    def moves(self) -> bool:
        """Whether pixels change their place."""
        return self.rotate > 0 or self.vertical_flip

    @property
    def recolors(self) -> bool:
        return max(self.brightness, self.contrast, self.saturation, self.hue) > 0

    def draw(self, *, seed: int, epoch: int, sample_ids: Tensor) -> DrawnChanges:
        """Choose the changes of a batch; chance depends on (seed, epoch, sample id) alone."""
        rng = sample_rng(seed, epoch, sample_ids, "augment")
        # Each change has a stream of its own: switching one on leaves the others as they were.
        either_way = _either_way(rng.fork("rotate").uniform())  # (B,)
        turn = either_way * math.radians(self.rotate)

        is_half = rng.fork("vertical flip").uniform() < 0.5
        upside_down = is_half & self.vertical_flip

        most = torch.tensor([self.brightness, self.contrast, self.saturation, self.hue])
        shares = _either_way(rng.fork("color").uniform(4))  # (B, 4)
        return DrawnChanges(
            turn=turn,
            upside_down=upside_down,
            colors=shares * most,
        )

    def move(self, planes: Tensor, drawn: DrawnChanges) -> Tensor:
        """Turn (B, C, H, W) float pictures or maps, without leaving the range of their values."""
        is_turned_over = drawn.upside_down[:, None, None, None]  # (B, 1, 1, 1)
        turned = torch.where(is_turned_over, planes.flip(2), planes)
        if self.rotate == 0:
            return turned

        height, width = planes.shape[-2:]
        cos = drawn.turn.cos()
        sin = drawn.turn.sin()
        none = torch.zeros_like(sin)
        # Coordinates run from -1 to 1 on both axes whatever the shape: without the aspect in the
        # matrix, turns of pictures that are not square would shear.
        to_x = [cos, -sin * height / width, none]
        to_y = [sin * width / height, cos, none]
        rows = [torch.stack(to_x, 1), torch.stack(to_y, 1)]  # (B, 3) each

        # (B, 2, 3) matrices -> (B, H, W, 2) points to sample.
        matrices = torch.stack(rows, 1).float()
        points = F.affine_grid(matrices, list(planes.shape), align_corners=False)
        # Bilinear, because it never leaves the range of the values, as maps need it.
        return F.grid_sample(
            turned,
            points,
            mode="bilinear",
            padding_mode="reflection",
            align_corners=False,
        )

    def recolor(self, pixels: Tensor, drawn: DrawnChanges) -> Tensor:
        """Change the colors of (B, C, H, W) float pictures in [0, 255].

        In this order: brightness, contrast, saturation, hue.
        """
        # (B, 4) -> four of (B, 1, 1, 1)
        strengths = drawn.colors[:, :, None, None, None]
        brightness, contrast, saturation, hue = strengths.unbind(1)

        pixels = (pixels * (1 + brightness)).clamp(0, 255)
        # Contrast stretches around the mean gray of each picture, saturation around each pixel's.
        gray = _gray(pixels)  # (B, 1, H, W)
        mean = gray.mean((2, 3), keepdim=True)  # (B, 1, 1, 1)
        pixels = _stretch(pixels, mean, contrast)
        if pixels.shape[1] != 3:
            return pixels

        gray = _gray(pixels)
        pixels = _stretch(pixels, gray, saturation)
        if self.hue == 0:
            return pixels
        turned = _turn_hue(pixels, hue.flatten())
        return turned.clamp(0, 255)

    def apply(self, images: Tensor, drawn: DrawnChanges) -> Tensor:
        """Change a uint8 (B, C, H, W) batch."""
        pixels = images.float()
        if self.moves:
            pixels = self.move(pixels, drawn)
        if self.recolors:
            pixels = self.recolor(pixels, drawn)
        pixels.round_().clamp_(0, 255)
        return pixels.to(torch.uint8)


def _either_way(chance: Tensor) -> Tensor:
    """Numbers in [-1, 1) of numbers in [0, 1)."""
    return chance * 2 - 1


def _gray(pixels: Tensor) -> Tensor:
    """How bright (B, C, H, W) pictures look: (B, 1, H, W)."""
    if pixels.shape[1] != 3:
        return pixels.mean(1, keepdim=True)
    luma = torch.tensor(_LUMA)[:, None, None]  # (3, 1, 1)
    weighted = pixels * luma
    return weighted.sum(1, keepdim=True)


def _stretch(pixels: Tensor, middle: Tensor, strength: Tensor) -> Tensor:
    """Move pixels away from a gray in the middle, or toward it, within [0, 255]."""
    from_middle = pixels - middle
    stretched = from_middle * (1 + strength) + middle
    return stretched.clamp(0, 255)


def _turn_hue(pixels: Tensor, hue: Tensor) -> Tensor:
    """Turn the colors of (B, 3, H, W) around the gray axis, by (B,) shares of a full turn."""
    to_yiq = torch.tensor(_TO_YIQ)
    angle = hue * 2 * math.pi
    cos = angle.cos()
    sin = angle.sin()
    # Brightness stays; the two axes of color turn about it: (B, 3, 3).
    turn = torch.eye(3).repeat(len(hue), 1, 1)
    turn[:, 1, 1] = cos
    turn[:, 1, 2] = -sin
    turn[:, 2, 1] = sin
    turn[:, 2, 2] = cos
    # To brightness and color, turn the color, and back.
    from_yiq = torch.linalg.inv(to_yiq)
    matrix = from_yiq @ turn @ to_yiq
    return torch.einsum("bij,bjhw->bihw", matrix, pixels)
