"""Small networks that look at patches and say which to mask: the learned part of policies.

One sign everywhere: a scorer's output is a score in the sense of the contract, larger is masked
first, and as a logit above 0 it means "mask". Whoever needs the opposite says `keep_logit(score)`;
nothing else turns the sign.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskwright.models.cost import count_block
from maskwright.models.initialize import draw_weights
from maskwright.models.layers import Block, build_norm
from maskwright.models.linear import build_linear
from maskwright.patches.grid import Grid
from maskwright.patches.positions import sincos_positions
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


def keep_logit(score_BN: Tensor) -> Tensor:
    """The logit of keeping a patch visible: the score with its sign turned, only here."""
    return -score_BN


class Scorer(nn.Module):
    """A shallow transformer: patches (B, N, P) give one score (B, N), a logit of being masked.

    Patches are in the model's numbers. About 0.9M weights as it stands. Positions are computed from
    the grid and not stored, so trained weights fit any grid of patches with P values.

    rng: draws the weights; the stream of seed 0 named "scorer" when None.
    """

    positions: Tensor

    def __init__(
        self,
        grid: Grid,
        patch_values: int,
        width: int = 192,
        depth: int = 2,
        heads: int = 4,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if width % heads:
            raise MaskwrightError(
                f"A scorer's width must divide into its heads; got width {width} and {heads} heads."
            )
        self.grid = grid
        self.embed = build_linear(patch_values, width)
        # computed from the grid and not stored, so that weights fit any grid
        self.register_buffer("positions", sincos_positions(grid, width), persistent=False)
        self.blocks = nn.ModuleList([Block(width, heads, 4.0) for _ in range(depth)])
        self.norm = build_norm(width)
        self.fc1 = build_linear(width, width)
        self.fc2 = build_linear(width, 1)
        draw_weights(self, rng if rng is not None else torch_generator(0, "scorer"))

    def forward(self, patches_BNP: Tensor) -> Tensor:
        tokens = self.embed(patches_BNP) + self.positions  # (B, N, D)
        for block in self.blocks:
            tokens = block(tokens)
        return self.fc2(F.gelu(self.fc1(self.norm(tokens))))[..., 0]

    def flops(self) -> int:
        """Operations per image, forward; a multiply-add counts as two."""
        count, width = self.grid.num_patches, self.fc1.in_features
        # embedding and head; the blocks are counted like those of the model
        linear = self.embed.in_features * width + width * width + width
        return 2 * (count * linear + len(self.blocks) * count_block(count, width, 4.0))


class CnnScorer(nn.Module):
    """A convolutional net on the grid of patches: (B, N, P) give one score (B, N).

    The score is a logit of being masked. Each block adds a 3 x 3 convolution of its normalized
    input, so a score depends on patches at most `depth` away, and through the norms on the mean and
    deviation of the whole picture. About 0.5M weights as it stands.

    rng: draws the weights; the stream of seed 0 named "scorer" when None.
    """

    def __init__(
        self,
        grid: Grid,
        patch_values: int,
        width: int = 96,
        depth: int = 6,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.embed = build_linear(patch_values, width)
        self.blocks = nn.ModuleList([ConvBlock(width) for _ in range(depth)])
        self.norm = build_norm(width)
        self.fc1 = build_linear(width, width)
        self.fc2 = build_linear(width, 1)
        draw_weights(self, rng if rng is not None else torch_generator(0, "scorer"))

    def forward(self, patches_BNP: Tensor) -> Tensor:
        # (B, N, D) -> (B, D, N) -> (B, D, rows, cols)
        tokens = self.embed(patches_BNP)
        maps = tokens.transpose(1, 2).unflatten(2, (self.grid.rows, self.grid.cols))
        for block in self.blocks:
            maps = block(maps)
        # and back: (B, N, D)
        tokens = self.norm(maps.flatten(2).transpose(1, 2))
        return self.fc2(F.gelu(self.fc1(tokens)))[..., 0]


class ConvBlock(nn.Module):
    """A convolution of the normalized maps, through the exact GELU, added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.conv = nn.utils.skip_init(nn.Conv2d, width, width, kernel_size=3, padding=1)

    def forward(self, maps_BDRC: Tensor) -> Tensor:
        return maps_BDRC + F.gelu(self.conv(self.norm(maps_BDRC)))
